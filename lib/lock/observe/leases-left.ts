import type { KeyValue, LeaseId } from '../../kv/key-value.js'
import { isRenewed } from '../../protocol/terms.js'
import { atMost } from '../../time/at-most.js'
import type { Engine } from '../engine/engine.js'

/** What etcd says is left of leases: whole seconds, 0 for one that has ended. Of a lease that is missing, etcd has not told. */
export type Left = ReadonlyMap<LeaseId, number>

/** etcd is asked of so many leases at once. */
const MOST_ASKED = 200
/** How long to wait for the answers, milliseconds. */
const PATIENCE_MS = 1_000

/**
 * What is left of the leases of these holder keys, as far as etcd tells within a second: to know less is no failure. Never
 * rejects.
 */
export async function leftOf(
  { store, clock }: Pick<Engine, 'store' | 'clock'>,
  holders: Iterable<KeyValue>,
): Promise<Left> {
  const left = new Map<LeaseId, number>()
  const asking = leasesOf([...holders])
    .slice(0, MOST_ASKED)
    .map(async lease => {
      const found = await store.leases.remaining(lease)
      left.set(lease, found?.left ?? 0)
    })
  await atMost(clock, PATIENCE_MS, asking)
  return new Map(left)
}

/** Those of holders that renew come first: the terms of the others tell when they end, too. */
function leasesOf(holders: readonly KeyValue[]): LeaseId[] {
  const renewed = holders.filter(isRenewed)
  return [...new Set([...renewed, ...holders].flatMap(({ lease }) => lease ?? []))]
}
