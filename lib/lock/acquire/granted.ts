import { heldSnapshot } from '../../protocol/held-snapshot.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import { parseTerms } from '../../protocol/terms.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import type { Lease } from '../leases/lease.js'
import type { LockTarget } from '../options/lock-target.js'

/** What snapshots that show all holder keys of a request say that it holds, each on its lease. */
export function holdingsIn(
  snapshots: readonly Snapshot[],
  targets: readonly LockTarget[],
  leases: readonly (Lease | undefined)[],
): Holding[] {
  return targets.map(({ key, terms, extraOps }, at) => {
    const { uuid, owner, concurrency, ttl, renewed = false } = terms
    const { key: holderKey, createRevision: token, value } = snapshots[at]!.holders.get(uuid)!
    const created = extraOps && parseTerms(value)?.created
    const lease = leases[at]!
    return { uuid, owner, concurrency, ttl, renewed, key, holderKey, token, created, lease }
  })
}

/**
 * What another process granted is released from what is known of it: its holder key tells. Where that does not, nothing else is asked now: what
 * is read would be old by the time of the release.
 */
export function shareGrant(engine: Engine, snapshots: readonly Snapshot[], uuid: string): void {
  for (const { key, holders } of snapshots) {
    const seen = engine.snapshots.get(key)
    const holder = holders.get(uuid)!
    if (seen.holders.get(uuid)?.createRevision === holder.createRevision) continue
    const told = heldSnapshot(key, holder, seen)
    if (told) engine.snapshots.set(told)
  }
}
