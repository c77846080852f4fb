import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import type { Logger } from 'pino'

/** For so long a list is written before other requests get their turn, milliseconds; a share of what they may wait. */
const TURN_MS = 5
/** UTF-16 units that are handed over at once: about what a socket takes. */
const CHUNK = 32_768
const TYPE = 'application/json; charset=utf-8'

/**
 * Answers with a JSON array of any length. A short one is sent as one text. A longer one is written piece by piece, as fast as
 * the client reads; in between the server does what else there is to do. When the client goes, nothing more is made of it.
 *
 * An item of which no JSON can be made is left out, and logged: it must not cost the client all others. When the items end with
 * an error after the status was sent, the answer is cut off, and the error is logged.
 */
export function sendList<T>(
  reply: FastifyReply,
  items: Iterable<T>,
  log: Logger,
  jsonOf: (item: T) => string = item => JSON.stringify(item),
): FastifyReply {
  const chunks = chunksOf(items, item => jsonOrNone(item, jsonOf, log))
  const first = chunks.next()
  const second = chunks.next()
  void reply.type(TYPE)
  if (first.done || second.done) return reply.send(first.value ?? '[]')
  return reply.send(Readable.from(inTurns([first.value, second.value], chunks, log), { objectMode: false }))
}

/** Visits all of them; other requests get their turn in between. */
export async function visitInTurns<T>(items: Iterable<T>, visit: (item: T) => void): Promise<void> {
  let since = performance.now()
  for (const item of items) {
    visit(item)
    if (performance.now() - since < TURN_MS) continue
    await setImmediate()
    since = performance.now()
  }
}

async function* inTurns(
  begun: readonly string[],
  rest: Iterable<string>,
  log: Logger,
): AsyncGenerator<string, void> {
  yield* begun
  try {
    for (const chunk of rest) {
      await setImmediate()
      yield chunk
    }
  } catch (err) {
    log.error({ err }, 'A list was cut off')
    throw err
  }
}

/** The text of the array, in pieces that take a turn at most, except where one item takes longer. */
function* chunksOf<T>(items: Iterable<T>, jsonOf: (item: T) => string | undefined): Generator<string, void> {
  let text = '['
  let separator = ''
  let since = performance.now()
  for (const item of items) {
    const json = jsonOf(item)
    if (json !== undefined) {
      text += separator + json
      separator = ','
    }
    if (text.length < CHUNK && performance.now() - since < TURN_MS) continue
    yield text
    text = ''
    since = performance.now()
  }
  yield `${text}]`
}

/** Undefined when there is none. */
function jsonOrNone<T>(item: T, jsonOf: (item: T) => string, log: Logger): string | undefined {
  try {
    return jsonOf(item)
  } catch (err) {
    log.warn({ err }, 'An entry was left out of a list')
    return undefined
  }
}
