import type { KeyEvent, WatchedRange } from '../../../lib/kv/key-value.js'
import { decide } from '../../../lib/protocol/decide.js'
import { mayBeHandedOver } from '../../../lib/protocol/hand-over.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Timestamp } from '../../../lib/model/timestamp.js'
import { type Client, revisionOf } from './client.js'
import type { Process } from './process.js'
import type { Rules } from './rules.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/**
 * Watches what is to be watched from this place, as `QueueWatcher` does; when that stands already, waits for news. Of a process only
 * the first that waits watches those before it. (How long it leaves that to others is left out.)
 */
export function watchQueue(world: World, client: Client, until: Timestamp | undefined): void {
  const ticket = client.snapshots[0]!.tickets.get(client.uuid)
  client.queuedAt = ticket?.createRevision
  const { granted } = client
  client.granted = undefined
  if (granted && granted.revision >= client.snapshots[0]!.revision) return client.see([granted])
  const ranges = rangesOf(world, client)
  client.watches = client.watches.filter(({ range }) => ranges.some(({ key }) => key === range.key))
  const fresh = ranges.filter(({ key }) => !client.watches.some(({ range }) => key === range.key))
  if (fresh.length > 0) return client.send({ kind: 'watch', ranges: fresh })
  client.stage = 'waiting'
  client.timer = until ? 'set' : 'none'
}

function rangesOf(world: World, client: Client): WatchedRange[] {
  const { keys, uuid, snapshots } = client
  const ranges = world.rules.watchedBy(client.targetsIn(snapshots), NOW)
  if (
    keys.length > 1 ||
    !client.home.isShared ||
    (firstOf(world, client.home) === client && world.rules.firstWatches)
  )
    return ranges
  const [key] = keys as [LockKey]
  return [{ key: key.holder(uuid) }, { key: key.forced(uuid) }]
}

/**
 * Whether the first of a process that waits may find, when it becomes that, that it could take the lock: then the process hands it over,
 * as `QueueWatcher` has it do.
 */
export function findsItFree(world: World, home: Process): boolean {
  const first = firstOf(world, home)
  if (!first || !mayBeHandedOver(first.request.ttl)) return false
  const seen = home.cached(first.keys[0]!)
  const [uuid] = seen.tickets.keys()
  return uuid === first.uuid && decide(seen, first.targetsIn([seen])[0]!.terms, NOW).kind === 'grant'
}

/** The first of a process that waits. */
function firstOf({ clients }: World, home: Process): Client | undefined {
  const queued = clients.filter(
    each => each.home === home && each.queuedAt !== undefined && each.keys.length === 1,
  )
  return queued.reduce<Client | undefined>((first, each) => {
    if (!first) return each
    const isElder =
      each.queuedAt === first.queuedAt ? each.uuid < first.uuid : each.queuedAt! < first.queuedAt!
    return isElder ? each : first
  }, undefined)
}

/** Whoever has become the first of its process that waits, watches those before it. */
export function promote(world: World): Client[] {
  return world.processes.flatMap(home => {
    const first = home.isShared ? firstOf(world, home) : undefined
    if (first?.stage !== 'waiting' || first.timer !== 'none') return []
    const isWatching = rangesOf(world, first).every(({ key }) =>
      first.watches.some(({ range }) => range.key === key),
    )
    if (isWatching) return []
    first.stage = 'running'
    return [first]
  })
}

/** The watches stand. */
export function onWatching({ rules }: World, client: Client, ranges: readonly WatchedRange[]): void {
  client.watches = [...client.watches, ...ranges.map(range => ({ range, batches: [] }))]
  if (rules.looksAfterWatch) client.send({ kind: 'read', why: 'wait' })
  else client.stage = 'running'
}

export function onWaitRead(world: World, client: Client): void {
  client.isStale = false
  client.see(world.look(client))
  client.stage = 'running'
}

/** So many batches of each watch arrive before the waiter looks at them. */
export function deliver({ rules }: World, client: Client, counts: readonly number[]): void {
  const news = client.watches.flatMap(({ batches }, at) => batches.slice(0, counts[at]).flat())
  client.watches = client.watches.map(({ range, batches }, at) => ({
    range,
    batches: batches.slice(counts[at]),
  }))
  client.snapshots = client.snapshots.map(snapshot => {
    const newer = news.filter(event => revisionOf(event) > snapshot.revision)
    const held = client.keys.length === 1 ? heldBy(newer, snapshot, client, rules) : undefined
    return held ?? newer.reduce(rules.applyEvent, snapshot)
  })
  client.stage = 'running'
}

/** Of a grant the own holder key tells more than what was known before it. */
function heldBy(
  news: readonly KeyEvent[],
  { key }: Snapshot,
  { uuid }: Client,
  rules: Rules,
): Snapshot | undefined {
  const grant = news.findLast(event => event.type === 'put' && event.kv.key === key.holder(uuid))
  return grant?.type === 'put' ? rules.heldSnapshot(key, grant.kv) : undefined
}
