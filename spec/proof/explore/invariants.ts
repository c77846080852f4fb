import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { parseTerms } from '../../../lib/protocol/terms.js'
import { type Commit, membersOf } from './call.js'
import { clientOf } from './client.js'
import type { Etcd } from './etcd.js'
import { MOVED } from './lock-names.js'
import { NOW } from './time.js'

/** What must never be. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** Before a change. */
interface Before {
  readonly etcd: Etcd
  readonly keys: readonly LockKey[]
  readonly clients: readonly { readonly keys: readonly LockKey[] }[]
}

/** What is to be true of etcd at any time. */
export function checkTruth(etcd: Etcd, keys: readonly LockKey[]): void {
  for (const key of keys) checkLock(etcd, key)
  const [first, ...others] = keys.map(key => etcd.truth(key).tickets)
  for (const [id, { createRevision }] of first!) {
    const another = others.find(tickets => tickets.has(id))?.get(id)
    if (another && another.createRevision !== createRevision)
      throw new Violation(`${id} has tickets of different revisions`)
  }
}

function checkLock(etcd: Etcd, key: LockKey): void {
  const { holders, tickets } = etcd.truth(key)
  const keyLocks = etcd.keyLocks(key)
  for (const id of holders.keys()) {
    if (!keyLocks.locks.has(id)) throw new Violation(`${id} has a holder key and no entry in the KeyLocks`)
  }
  const asked = [...holders.values()].map(({ value }) => parseTerms(value)!)
  checkLimit('holder keys', asked)
  checkLimit('live entries', keyLocks.live({ now: NOW, alive: new Set(holders.keys()) }))
  for (const { key: path } of etcd.keys) {
    if (!path.startsWith(key.markers.key)) continue
    const id = path.slice(key.markers.key.length)
    if (holders.has(id) || tickets.has(id)) throw new Violation(`${id} was taken by force, and comes back`)
  }
}

/** What a transaction that is made for an id may do. */
export function checkChange(world: Before, after: Etcd, call: Commit): void {
  const { etcd: before, keys } = world
  for (const key of keys) checkOthers(before.truth(key), after.truth(key), membersOf(call))
  for (const key of keys) {
    const { holders } = before.truth(key)
    for (const [id, { createRevision }] of after.truth(key).holders) {
      if (holders.get(id)?.createRevision !== createRevision) checkWhole(world, after, id)
    }
  }
  checkMarkers(world, after, call)
  checkClearing(world, after, call)
}

/** Who is granted the lock, and that nobody else loses anything. */
function checkOthers(before: Snapshot, after: Snapshot, members: readonly string[]): void {
  const names = members.join(' and ')
  for (const [id, { createRevision }] of after.holders) {
    if (before.holders.get(id)?.createRevision !== createRevision) checkGrant(before, after, id)
  }
  const robbed = [...before.holders.keys()].find(id => !members.includes(id) && !after.holders.has(id))
  if (robbed) throw new Violation(`${names} takes away the holder key of ${robbed}`)
  const removed = [...before.tickets.keys()].find(
    id => !members.includes(id) && !after.tickets.has(id) && !after.holders.has(id),
  )
  if (removed) throw new Violation(`${names} takes away the ticket of ${removed}`)
}

/** Whoever comes by a holder key was the first of those who waited, and has the greatest token. */
function checkGrant(before: Snapshot, after: Snapshot, id: string): void {
  const queue = [...before.tickets.keys()]
  const ahead = queue.includes(id) ? queue.slice(0, queue.indexOf(id)) : queue
  const passed = ahead.find(older => after.tickets.has(older))
  if (passed) throw new Violation(`${id} is granted before ${passed}, whose ticket is older`)
  const token = after.holders.get(id)!.createRevision
  const elder = [...before.holders.values()].find(({ createRevision }) => createRevision >= token)
  if (elder)
    throw new Violation(`${id} is granted with token ${token}, which does not exceed that of ${elder.key}`)
}

/** Whoever asks for several locks is granted all of them in one transaction, or none. */
function checkWhole({ clients }: Before, after: Etcd, id: string): void {
  const missing = clients[clientOf(id)]?.keys.find(key => !after.truth(key).holders.has(id))
  if (missing) throw new Violation(`${id} is granted a part of what it asks for, without ${missing.name}`)
}

/** Nobody clears away as its own leavings what another process has moved to its own lease, and answers for. */
function checkClearing({ etcd: before, keys }: Before, after: Etcd, { kind, uuid }: Commit): void {
  if (kind !== 'clear') return
  for (const key of keys) {
    const lease = before.truth(key).holders.get(uuid)?.lease
    if (lease?.startsWith(MOVED) && !after.truth(key).holders.has(uuid))
      throw new Violation(`${uuid} clears away what another process holds for it`)
  }
}

/** A marker tells what its transaction has taken, and nothing is taken without one. */
function checkMarkers({ etcd: before, keys }: Before, after: Etcd, { kind, uuid }: Commit): void {
  for (const key of keys) {
    const has = (etcd: Etcd): boolean =>
      etcd.truth(key).tickets.has(uuid) ||
      etcd.truth(key).holders.has(uuid) ||
      etcd.keyLocks(key).locks.has(uuid)
    const isTold = !before.has(key.forced(uuid)) && after.has(key.forced(uuid))
    const isTaken = (kind === 'force release' || kind === 'eviction') && has(before) && !has(after)
    if (isTold && !isTaken)
      throw new Violation(`a marker tells that ${uuid} was taken by force, and it was not`)
    if (isTaken && !isTold) throw new Violation(`${uuid} is taken by force, and no marker tells of that`)
  }
}

function checkLimit(what: string, locks: readonly { owner: string; concurrency: number }[]): void {
  const limit = Math.min(...locks.map(({ concurrency }) => concurrency || Infinity))
  if (locks.length <= limit) return
  const owners = locks.map(({ owner }) => owner).join(', ')
  throw new Violation(`${locks.length} ${what} where ${limit} may be: ${owners}`)
}
