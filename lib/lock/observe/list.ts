import type { KeyValue } from '../../kv/key-value.js'
import { type OpResult, readsOf } from '../../kv/transaction.js'
import type { LockState } from '../../model/lock-state.js'
import { LockKey } from '../../protocol/lock-key.js'
import { readSnapshot } from '../../protocol/snapshot.js'
import type { Engine } from '../engine/engine.js'
import { stateOrProblem } from './lock-state.js'
import { leftOf } from './leases-left.js'
import { reading } from '../engine/reading.js'

/**
 * All locks under a prefix that are held or waited for, sorted by name, at one revision. One that cannot be read has its
 * `problem`. @throws EtcdLockUnavailableError, LockError.
 */
export async function listStates(engine: Engine, prefix: string): Promise<LockState[]> {
  const all = LockKey.allUnder(prefix)
  const { revision, results } = await reading(engine, all[0].key, within =>
    engine.commit(readsOf(...all), within),
  )
  const [keyLocks, holders, tickets] = results.map((kvs, index) => groupByName(kvs, all[index]!.key))
  const names = new Set([...keyLocks!.keys(), ...holders!.keys(), ...tickets!.keys()])
  const now = engine.clock.now()
  const snapshots = [...names].sort().map(name => {
    const parts = [keyLocks!, holders!, tickets!].map(group => group.get(name) ?? [])
    return readSnapshot(new LockKey(prefix, name), { succeeded: true, revision, results: parts })
  })
  const left = await leftOf(engine, snapshots)
  const states = snapshots.map(snapshot => stateOrProblem(snapshot, now, left))
  // A lock of which all entries are dead is free.
  return states.filter(
    ({ holders, waiters, problem }) => holders.length + waiters.length > 0 || problem !== undefined,
  )
}

function groupByName(kvs: OpResult, under: string): Map<string, KeyValue[]> {
  const groups = new Map<string, KeyValue[]>()
  for (const kv of kvs) {
    const name = kv.key.slice(under.length).split('/')[0]!
    groups.set(name, [...(groups.get(name) ?? []), kv])
  }
  return groups
}
