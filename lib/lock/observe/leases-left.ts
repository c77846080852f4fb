import type { LeaseId } from '../../kv/key-value.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import { isRenewed } from '../../protocol/terms.js'
import { atMost } from '../../time/at-most.js'
import type { Engine } from '../engine/engine.js'

/** Seconds that are left of leases, in whole ones, as etcd has told. */
export type Left = ReadonlyMap<LeaseId, number>

/** Of so many leases etcd is asked at once: those of holders that renew first, whose terms tell little. */
const MOST_ASKED = 200
const PATIENCE_MS = 1_000

/** What is left of the leases of all holders, as far as etcd tells it soon: to know less is no failure. */
export async function leftOf(
  { store, clock }: Pick<Engine, 'store' | 'clock'>,
  snapshots: readonly Snapshot[],
): Promise<Left> {
  const left = new Map<LeaseId, number>()
  const asking = leasesOf(snapshots)
    .slice(0, MOST_ASKED)
    .map(async lease => {
      const found = await store.leases.remaining(lease)
      left.set(lease, found?.left ?? 0)
    })
  await atMost(clock, PATIENCE_MS, asking)
  return new Map(left)
}

function leasesOf(snapshots: readonly Snapshot[]): LeaseId[] {
  const holders = snapshots.flatMap(snapshot => [...snapshot.holders.values()])
  const renewed = holders.filter(isRenewed)
  return [...new Set([...renewed, ...holders].flatMap(({ lease }) => lease ?? []))]
}
