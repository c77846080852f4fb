import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LockService } from '../../lock/api/lock-service.js'
import { LockKey } from '../../protocol/lock-key.js'
import { WriteYielder } from '../http/write-yielder.js'
import { type ShownEvent, shownEvents } from './events.js'
import { eventJson } from './json.js'
import type { EtcdHeartbeat } from './etcd-heartbeat.js'

/** A client that does not read what is sent to it for so many bytes is cut off. */
const MOST_UNREAD_BYTES = 1_000_000

/**
 * Server-sent events, until the signal aborts. Nothing is answered before they can be told.
 * @throws EtcdLockUnavailableError when etcd cannot be reached, the signal's reason when it aborts before.
 */
export async function streamEvents(
  { id }: FastifyRequest,
  reply: FastifyReply,
  locks: LockService,
  pulse: EtcdHeartbeat,
  signal: AbortSignal,
  prefixes: readonly string[],
  isWanted: (event: ShownEvent) => boolean,
): Promise<void> {
  const { raw } = reply
  const feed = locks.feed(
    prefixes.flatMap(prefix => LockKey.toldUnder(prefix)),
    shownEvents(isWanted),
  )
  let stopPulse = (): void => {}
  const onReady = (): void => {
    reply.hijack()
    // It ends with its socket, and what is written after that is lost.
    raw.on('error', () => {})
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // A proxy that collects answers would keep the events to itself.
      'x-accel-buffering': 'no',
      'x-request-id': id,
    })
    raw.write(': listening\n\nevent: ready\ndata: {}\n\n')
    stopPulse = pulse.listen(etcd => raw.write(`event: heartbeat\ndata: ${JSON.stringify({ etcd })}\n\n`))
  }
  try {
    const burst = new WriteYielder()
    for await (const event of feed.events(signal, onReady)) {
      if (raw.writableLength > MOST_UNREAD_BYTES) {
        raw.destroy()
        break
      }
      const text = `id: ${event.revision}\ndata: ${JSON.stringify(eventJson(event))}\n\n`
      raw.write(text)
      await burst.sent(text.length)
    }
  } catch (error) {
    if (!reply.sent) throw error
    if (!signal.aborted) locks.log.warn({ err: error }, 'A stream of events has ended')
  } finally {
    stopPulse()
    if (reply.sent) raw.end()
  }
}
