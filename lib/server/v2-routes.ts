import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { acquire } from '../lock/acquire.js'
import type { Engine } from '../lock/engine.js'
import { EventFeed } from '../lock/event-feed.js'
import { extendIfHeld } from '../lock/extend.js'
import { checkReason, forceRelease } from '../lock/force-release.js'
import { listStates } from '../lock/list.js'
import { stateOf } from '../lock/lock-state.js'
import { reading } from '../lock/reading.js'
import { release } from '../lock/release.js'
import { partsOf } from '../lock/take.js'
import { shown } from '../model/shown.js'
import { LockKey } from '../protocol/lock-key.js'
import { lockKey } from '../protocol/lock-name.js'
import type { KeyRange } from '../kv/key-value.js'
import { parseRecord } from '../relukko/record.js'
import { bodyOf } from './body.js'
import { HttpError } from './http-error.js'
import { eventJson, lockJson, type RecordOf } from './v2-json.js'
import { type ShownEvent, shownEventsOf } from './v2-events.js'
import { waitMsOf, whileWanted } from './while-wanted.js'

interface OfLock {
  readonly Params: { readonly prefix: string; readonly name: string }
}
interface OfHolding {
  readonly Params: { readonly prefix: string; readonly name: string; readonly id: string }
}

const DEFAULT_TTL = 30
/** Holders of one lock whose records are read with it: what etcd takes in one transaction. */
const MOST_RECORDS = 100
/** A client that does not read what is sent to it for so many bytes is cut off. */
const MOST_UNREAD_BYTES = 1_000_000
/** How often a stream of events says that it is there. */
const HEARTBEAT_MS = 15_000

/** The locks of all prefixes, with their queues, limits and events. */
export function addV2Routes(
  server: FastifyInstance,
  engine: Engine,
  prefixes: readonly string[],
  ending: AbortSignal,
): void {
  const keyOf = ({ prefix, name }: OfLock['Params']): LockKey => {
    checkKnown(prefix)
    return lockKey(prefix, name)
  }
  const checkKnown = (prefix: string): void => {
    if (prefixes.includes(prefix)) return
    throw new HttpError(404, `There is no prefix ${shown(prefix)}; there are: ${prefixes.join(', ')}.`)
  }
  const records = async (ranges: readonly KeyRange[]): Promise<RecordOf> => {
    const success = ranges.map(range => ({ type: 'range' as const, ...range }))
    const { results } = await engine.commit({ compare: [], success, failure: [] })
    const byId = new Map(results.flat().map(kv => [kv.key, parseRecord(kv)?.lock]))
    return id => byId.get(LockKey.record(id))
  }

  server.get<{ Querystring: { prefix?: string } }>('/v2/locks', async ({ query }) => {
    if (query.prefix !== undefined) checkKnown(query.prefix)
    const wanted = query.prefix === undefined ? prefixes : [query.prefix]
    const states = await Promise.all(wanted.map(prefix => listStates(engine, prefix)))
    const recordOf = await reading(engine, LockKey.records.key, () => records([LockKey.records]))
    const now = engine.clock.now()
    return states.flat().map(state => lockJson(state, recordOf, now))
  })

  server.get<OfLock>('/v2/locks/:prefix/:name', async ({ params }) => {
    const key = keyOf(params)
    return reading(engine, key.path, async () => {
      const now = engine.clock.now()
      const state = stateOf(await engine.readOne(key), now)
      const own = state.holders.slice(0, MOST_RECORDS).map(({ id }) => ({ key: LockKey.record(id) }))
      return lockJson(state, await records(own), now)
    })
  })

  server.post<OfLock & { Querystring: { wait?: string } }>(
    '/v2/locks/:prefix/:name',
    async (request, reply) => {
      const key = keyOf(request.params)
      const body = bodyOf(request, ['owner', 'concurrency', 'ttl'])
      const { owner = request.actor, concurrency = 1, ttl = DEFAULT_TTL } = body
      const parts = partsOf(
        owner as string,
        [key],
        [{ concurrency: concurrency as number, ttl: ttl as number }],
      )
      const waitMs = waitMsOf(request.query.wait)
      const [holding] = await whileWanted(request, ending, signal =>
        acquire(engine, parts, { waitMs, signal }),
      )
      const { uuid: id, token } = holding!
      return reply.status(201).send({ ...request.params, id, fencing_token: String(token) })
    },
  )

  server.put<OfHolding>('/v2/locks/:prefix/:name/:id', async request => {
    const { ttl } = bodyOf(request, ['ttl'])
    const key = keyOf(request.params)
    if (!(await extendIfHeld(engine, [key], request.params.id, ttl as number))) throw notHeld(request.params)
    return { ...request.params, ttl }
  })

  server.delete<OfHolding & { Querystring: { reason?: string } }>(
    '/v2/locks/:prefix/:name/:id',
    async ({ params, query: { reason }, actor = 'unknown' }) => {
      const key = keyOf(params)
      const isDone =
        reason === undefined
          ? (await release(engine, [key], params.id)).length > 0
          : (checkReason(reason), await forceRelease(engine, key, params.id, { by: actor, reason }))
      if (!isDone) throw notHeld(params)
      return { ...params, released: true }
    },
  )

  server.get<{ Querystring: { prefix?: string; name?: string } }>('/v2/events', async (request, reply) => {
    const { prefix, name } = request.query
    if (prefix !== undefined) checkKnown(prefix)
    await whileWanted(request, ending, signal =>
      stream(request, reply, engine, signal, { prefix, name }),
    ).catch((error: unknown) => {
      if (!reply.sent) throw error
    })
  })
}

/** Server-sent events, until the client or the server ends them. */
async function stream(
  { id }: FastifyRequest,
  reply: FastifyReply,
  engine: Engine,
  signal: AbortSignal,
  wanted: { readonly prefix: string | undefined; readonly name: string | undefined },
): Promise<void> {
  const isWanted = ({ prefix, name }: ShownEvent): boolean =>
    (wanted.prefix ?? prefix) === prefix && (wanted.name ?? name) === name
  const feed = new EventFeed(engine, (changes, standing) => shownEventsOf(changes, standing).filter(isWanted))
  reply.hijack()
  const { raw } = reply
  // It ends with its socket, and what is written after that is lost.
  raw.on('error', () => {})
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-request-id': id })
  const heartbeat = setInterval(() => raw.write(':\n\n'), HEARTBEAT_MS)
  try {
    for await (const event of feed.events(signal, () =>
      raw.write(': listening\n\nevent: ready\ndata: {}\n\n'),
    )) {
      if (raw.writableLength > MOST_UNREAD_BYTES) {
        raw.destroy()
        break
      }
      raw.write(`id: ${event.revision}\ndata: ${JSON.stringify(eventJson(event))}\n\n`)
    }
  } catch (error) {
    if (!signal.aborted) engine.log.warn({ err: error }, 'A stream of events has ended')
  } finally {
    clearInterval(heartbeat)
    raw.end()
  }
}

function notHeld({ prefix, name, id }: OfHolding['Params']): HttpError {
  return new HttpError(
    404,
    `Nobody holds or waits for ${prefix}/${name} under the id ${shown(id)} (any more).`,
  )
}
