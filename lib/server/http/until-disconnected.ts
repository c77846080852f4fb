import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { checkWait } from '../../lock/api/index.js'
import { HttpError } from './http-error.js'

/** Of each open connection: aborted when its client has gone, or the server ends. */
const signals = new WeakMap<Socket, AbortSignal>()

/** Does what may wait until the client has gone, or the server ends. */
export async function untilDisconnected<T>(
  { raw }: FastifyRequest,
  ending: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = signalOf(raw.socket, ending)
  signal.throwIfAborted()
  return work(signal)
}

/** One for all requests of a connection: to make one for each, and to end it, took a fiftieth of the server's time. */
function signalOf(socket: Socket, ending: AbortSignal): AbortSignal {
  const known = signals.get(socket)
  if (known) return known
  const controller = new AbortController()
  const onEnding = (): void => controller.abort(ending.reason)
  const onGone = (): void => {
    ending.removeEventListener('abort', onEnding)
    controller.abort(new HttpError(499, 'The client has gone.'))
  }
  if (socket.destroyed) onGone()
  else if (ending.aborted) onEnding()
  else {
    ending.addEventListener('abort', onEnding, { once: true })
    socket.once('close', onGone)
  }
  signals.set(socket, controller.signal)
  return controller.signal
}

/** Seconds to wait, from the query of a URL; not without end. @throws InvalidLockError */
export function waitOf(wait: unknown = '0'): number {
  // One that is given twice is a list.
  const seconds = typeof wait !== 'string' || wait.trim() === '' ? NaN : Number(wait)
  const checked = Number.isFinite(seconds) ? seconds : wait
  checkWait(checked)
  return checked
}
