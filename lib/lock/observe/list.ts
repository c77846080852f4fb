import type { KeyValue } from '../../kv/key-value.js'
import type { OpResult } from '../../kv/transaction.js'
import type { LockState } from '../../model/lock-state.js'
import type { Timestamp } from '../../model/timestamp.js'
import { LockKey } from '../../protocol/lock-key.js'
import { readSnapshot } from '../../protocol/snapshot.js'
import type { Engine } from '../engine/engine.js'
import { stateOrProblem } from './lock-state.js'
import { type Left, leftOf } from './leases-left.js'
import { type Pages, readPages } from './pages.js'
import { reading } from '../engine/reading.js'

/**
 * All locks under a prefix that are held or waited for, sorted by name, at one revision. One that cannot be read has its
 * `problem`. Each state is made when it is asked for: thousands at once would keep all else waiting.
 * @param asksLeases whether etcd is asked what is left of leases; otherwise the terms tell.
 * @throws EtcdLockUnavailableError, LockError.
 */
export async function listStates(
  engine: Engine,
  prefix: string,
  asksLeases = true,
): Promise<Iterable<LockState>> {
  const all = LockKey.allUnder(prefix)
  const pages = await reading(engine, all[0].key, within => readPages(engine, all, within))
  const now = engine.clock.now()
  const left = asksLeases ? await leftOf(engine, pages.results[1]!) : undefined
  return statesOf(prefix, pages, now, left)
}

/** A lock of which all entries are dead is free. */
function* statesOf(
  prefix: string,
  { revision, results }: Pages,
  now: Timestamp,
  left?: Left,
): Generator<LockState> {
  const all = LockKey.allUnder(prefix)
  const groups = results.map((kvs, index) => groupByName(kvs, all[index]!.key))
  const names = new Set(groups.flatMap(group => [...group.keys()]))
  for (const name of [...names].sort()) {
    const parts = groups.map(group => group.get(name) ?? [])
    const snapshot = readSnapshot(new LockKey(prefix, name), { succeeded: true, revision, results: parts })
    const state = stateOrProblem(snapshot, now, left)
    if (state.holders.length + state.waiters.length > 0 || state.problem !== undefined) yield state
  }
}

function groupByName(kvs: OpResult, under: string): Map<string, KeyValue[]> {
  const groups = new Map<string, KeyValue[]>()
  for (const kv of kvs) {
    const name = kv.key.slice(under.length).split('/', 1)[0]!
    const group = groups.get(name)
    if (group) group.push(kv)
    else groups.set(name, [kv])
  }
  return groups
}
