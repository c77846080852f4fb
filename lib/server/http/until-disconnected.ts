import type { FastifyRequest } from 'fastify'
import { checkWait } from '../../lock/api/index.js'
import { HttpError } from './http-error.js'

/** Does what may wait until the client has gone, or the server ends. */
export async function untilDisconnected<T>(
  { raw }: FastifyRequest,
  ending: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const onGone = (): void => controller.abort(new HttpError(499, 'The client has gone.'))
  const onEnding = (): void => controller.abort(ending.reason)
  raw.socket.once('close', onGone)
  ending.addEventListener('abort', onEnding, { once: true })
  try {
    if (raw.socket.destroyed) onGone()
    ending.throwIfAborted()
    controller.signal.throwIfAborted()
    return await work(controller.signal)
  } finally {
    raw.socket.off('close', onGone)
    ending.removeEventListener('abort', onEnding)
  }
}

/** Seconds to wait, from the query of a URL; not without end. @throws InvalidLockError */
export function waitOf(wait: unknown = '0'): number {
  // One that is given twice is a list.
  const seconds = typeof wait !== 'string' || wait.trim() === '' ? NaN : Number(wait)
  const checked = Number.isFinite(seconds) ? seconds : wait
  checkWait(checked)
  return checked
}
