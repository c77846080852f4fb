import type { FastifyInstance } from 'fastify'
import type { LockReader } from '../../lock/api/index.js'
import type { LockService } from '../../lock/api/lock-service.js'
import { describeValue } from '../../model/describe-value.js'
import { LockKey } from '../../protocol/lock-key.js'
import { lockKey } from '../../protocol/lock-name.js'
import type { KeyRange } from '../../kv/key-value.js'
import { parseRecord } from '../../relukko/locks/record.js'
import { BOUND_MS } from '../../relukko/locks/relukko-reader.js'
import { bodyOf, checkQuery } from '../http/body.js'
import { HttpError } from '../http/http-error.js'
import type { Sessions } from '../auth/sessions.js'
import type { ShownEvent } from './events.js'
import { lockJson, type RecordOf } from './json.js'
import { EtcdHeartbeat } from './etcd-heartbeat.js'
import { streamEvents } from './stream.js'
import { sendList } from '../http/json-list.js'
import { untilDisconnected, waitOf } from '../http/until-disconnected.js'

interface OfLock {
  readonly Params: { readonly prefix: string; readonly name: string }
}
interface OfHolding {
  readonly Params: { readonly prefix: string; readonly name: string; readonly id: string }
}

const DEFAULT_TTL = 30
/** Holders of one lock whose records are read with it: what etcd takes in one transaction. */
const MOST_RECORDS = 100
/** How often, at least, a stream of events says that it is there; seconds. */
const HEARTBEAT_SECONDS = 15

export interface V2Options {
  /** Whose streams of events end with them. */
  readonly sessions: Sessions | undefined
  /** Seconds between the pings of WebSockets: a stream of events says at least as often that it is there. */
  readonly pingSeconds: number | undefined
}

/** What the routes share. */
interface V2 {
  readonly server: FastifyInstance
  readonly locks: LockService
  readonly prefixes: readonly string[]
  readonly ending: AbortSignal
  /** @throws HttpError 404 */
  readonly checkKnown: (prefix: string) => void
  /** @throws HttpError 404, InvalidLockError */
  readonly keyOf: (params: OfLock['Params']) => LockKey
}

const bound = { withinMs: BOUND_MS }

/** The locks of all prefixes, with their queues, limits and events. */
export function addV2Routes(
  server: FastifyInstance,
  locks: LockService,
  prefixes: readonly string[],
  ending: AbortSignal,
  options: V2Options,
): void {
  const checkKnown = (prefix: string): void => {
    if (prefixes.includes(prefix)) return
    const known = prefixes.join(', ')
    throw new HttpError(404, `There is no prefix ${describeValue(prefix)}; there are: ${known}.`)
  }
  const keyOf = ({ prefix, name }: OfLock['Params']): LockKey => {
    checkKnown(prefix)
    return lockKey(prefix, name)
  }
  const v2 = { server, locks, prefixes, ending, checkKnown, keyOf }
  addStates(v2)
  addAcquire(v2)
  addHoldings(v2)
  addEvents(v2, options)
}

function addStates({ server, locks, prefixes, checkKnown, keyOf }: V2): void {
  server.get<{ Querystring: { prefix?: string } }>('/v2/locks', async (request, reply) => {
    checkQuery(request, ['prefix'])
    const { prefix } = request.query
    if (prefix !== undefined) checkKnown(prefix)
    const wanted = prefix === undefined ? prefixes : [prefix]
    // First: the states are not older than this revision.
    const { recordOf, revision } = await locks.read(LockKey.records.key, reader =>
      recordsOf(reader, [LockKey.records]),
    )
    const states = await Promise.all(wanted.map(each => locks.states(each)))
    const now = locks.now()
    void reply.header('x-revision', String(revision))
    return sendList(
      reply,
      mapped(states, state => lockJson(state, recordOf, now, revision)),
      locks.log,
    )
  })

  server.get<OfLock>('/v2/locks/:prefix/:name', async request => {
    checkQuery(request, [])
    const key = keyOf(asNamed(request.params))
    return locks.read(key.path, async reader => {
      const now = locks.now()
      const { state, revision } = await reader.state(key)
      const own = state.holders.slice(0, MOST_RECORDS).map(({ id }) => ({ key: LockKey.record(id) }))
      return lockJson(state, (await recordsOf(reader, own)).recordOf, now, revision)
    })
  })
}

function* mapped<T, U>(lists: readonly Iterable<T>[], make: (item: T) => U): Generator<U> {
  for (const list of lists) for (const item of list) yield make(item)
}

async function recordsOf(
  reader: LockReader,
  ranges: readonly KeyRange[],
): Promise<{ recordOf: RecordOf; revision: bigint }> {
  const { results, revision } = await reader.ranges(ranges)
  const byPath = new Map(results.flat().map(kv => [kv.key, kv]))
  return { recordOf: id => parseRecord(byPath.get(LockKey.record(id)))?.lock, revision }
}

function addAcquire({ server, locks, ending, checkKnown }: V2): void {
  server.post<OfLock & { Querystring: { wait?: string } }>(
    '/v2/locks/:prefix/:name',
    async (request, reply) => {
      checkQuery(request, ['wait'])
      const params = asNamed(request.params)
      checkKnown(params.prefix)
      const body = bodyOf(request, ['owner', 'concurrency', 'ttl'])
      const { owner = request.actor, concurrency = 1, ttl = DEFAULT_TTL } = body
      const asker = { prefix: params.prefix, owner: owner as string }
      const wait = waitOf(request.query.wait)
      const terms = { concurrency: concurrency as number, ttl: ttl as number, wait }
      const { uuid: id, token } = await untilDisconnected(request, ending, signal =>
        locks.acquire(asker, params.name, { ...terms, signal }),
      )
      return reply.status(201).send({ ...params, id, fencing_token: String(token) })
    },
  )
}

function addHoldings({ server, locks, keyOf }: V2): void {
  server.put<OfHolding>('/v2/locks/:prefix/:name/:id', async request => {
    checkQuery(request, [])
    const { ttl } = bodyOf(request, ['ttl'])
    const params = asNamed(request.params)
    const extended = await locks.extend(keyOf(params), params.id, ttl as number, bound)
    if (extended === undefined) throw notHeld(params)
    return { ...params, ttl: extended }
  })

  server.delete<OfHolding & { Querystring: { reason?: string } }>(
    '/v2/locks/:prefix/:name/:id',
    async request => {
      checkQuery(request, ['reason'])
      const { actor = 'unknown' } = request
      const { reason } = request.query
      const params = asNamed(request.params)
      const key = keyOf(params)
      const isDone =
        reason === undefined
          ? (await locks.release([key], params.id, bound)).length > 0
          : await locks.forceRelease(key, params.id, { by: actor, reason }, bound)
      if (!isDone) throw notHeld(params)
      return { ...params, released: true }
    },
  )
}

function addEvents(
  { server, locks, prefixes, ending, checkKnown }: V2,
  { sessions, pingSeconds = HEARTBEAT_SECONDS }: V2Options,
): void {
  const heartbeat = new EtcdHeartbeat(locks, Math.min(HEARTBEAT_SECONDS, pingSeconds) * 1000)
  server.get<{ Querystring: { prefix?: string; name?: unknown } }>('/v2/events', async (request, reply) => {
    checkQuery(request, ['prefix', 'name'])
    const { prefix: wanted, name: wantedName } = request.query
    if (wanted !== undefined) checkKnown(wanted)
    if (Array.isArray(wantedName)) throw new HttpError(400, "'name' must be given once.")
    const isWanted = ({ name }: ShownEvent): boolean => (wantedName ?? name) === name
    const heard = wanted === undefined ? prefixes : [wanted]
    // An API key overrides any session cookie.
    const session =
      request.headers['x-api-key'] === undefined ? sessions?.endOf(request.headers.cookie) : undefined
    await untilDisconnected(request, ending, signal => {
      const until = AbortSignal.any([signal, ...(session ? [session.signal] : [])])
      return streamEvents(request, reply, locks, heartbeat, until, heard, isWanted)
    })
      .catch((error: unknown) => {
        if (!reply.sent) throw error
      })
      .finally(() => session?.stop())
  })
}

/**
 * A URL takes a name or an id that is `.` or `..` for a step in its path, percent-encoded or not. None holds a `/`, so that
 * one in front of it, as `%2F`, keeps it.
 */
function asNamed<T extends OfLock['Params']>(params: T): T {
  return Object.fromEntries(
    Object.entries(params).map(([field, text]) => [field, text.replace(/^\/(?=\.{1,2}$)/, '')]),
  ) as unknown as T
}

function notHeld({ prefix, name, id }: OfHolding['Params']): HttpError {
  return new HttpError(
    404,
    `No holder or waiter of ${prefix}/${name} has the id ${describeValue(id)} (any more).`,
  )
}
