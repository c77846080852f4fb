import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'

/** For so long a list is written before other requests get their turn, milliseconds; a share of what they may wait. */
const TURN_MS = 5
/** UTF-16 units that are handed over at once: about what a socket takes. */
const CHUNK = 32_768
const TYPE = 'application/json; charset=utf-8'

/**
 * Answers with a JSON array of any length. A short one is sent as one text. A longer one is written piece by piece, as fast as
 * the client reads; in between the server does what else there is to do. When the client goes, nothing more is made of it.
 */
export function sendList(reply: FastifyReply, items: Iterable<unknown>): FastifyReply {
  const chunks = chunksOf(items)
  const first = chunks.next()
  const second = chunks.next()
  void reply.type(TYPE)
  if (first.done || second.done) return reply.send(first.value ?? '[]')
  return reply.send(Readable.from(inTurns([first.value, second.value], chunks), { objectMode: false }))
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

async function* inTurns(begun: readonly string[], rest: Iterable<string>): AsyncGenerator<string, void> {
  yield* begun
  for (const chunk of rest) {
    await setImmediate()
    yield chunk
  }
}

/** The text of the array, in pieces that take a turn at most, except where one item takes longer. */
function* chunksOf(items: Iterable<unknown>): Generator<string, void> {
  let text = '['
  let separator = ''
  let since = performance.now()
  for (const item of items) {
    text += separator + JSON.stringify(item)
    separator = ','
    if (text.length < CHUNK && performance.now() - since < TURN_MS) continue
    yield text
    text = ''
    since = performance.now()
  }
  yield `${text}]`
}
