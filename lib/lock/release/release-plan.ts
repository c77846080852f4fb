import type { LeaseId } from '../../kv/key-value.js'
import type { Timestamp } from '../../model/timestamp.js'
import { fitIntoOne } from '../../protocol/lock-set.js'
import { type Release, release } from '../../protocol/release.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { firstTogether } from '../../protocol/room.js'
import { modRevisionOf, showsHolder, type Snapshot } from '../../protocol/snapshot.js'

/** What is known of the locks that are released, and how they may be released. */
export interface ReleaseView {
  /** By lock. */
  readonly snapshots: readonly Snapshot[]
  /** `cache`: what this process saw last, which may be old. */
  readonly source: 'cache' | 'etcd'
  /** How many waiters each lock may be handed to: none once etcd has said that a lease was gone, which may be a waiter's. */
  readonly mostSuccessors: number
}

/** The release of one lock, and what it was planned from. */
export interface PlannedRelease {
  readonly snapshot: Snapshot
  readonly plan: Release
}

/**
 * One release for each lock that the view shows held by `uuid`, on a lease for which `isOurs` is true. Where others have filled these locks so
 * that etcd would not take all in one request, it is the first of them: a release only makes room, so the others can go after it.
 *
 * So that etcd takes all of them in one transaction, they read of no queue who comes next where that is too much, and hand over to fewer
 * waiters where it still is.
 * @param spare how many operations the transaction has besides.
 * @param isGrowing whether a set of this process is about to join the queue. A release that relies on an empty queue would fail; it reads who
 * has come, and that set is told.
 */
export function planReleases(
  { snapshots, mostSuccessors }: ReleaseView,
  uuid: string,
  now: Timestamp,
  isOurs: (lease: LeaseId) => boolean = () => true,
  isGrowing: (key: LockKey) => boolean = () => false,
  spare = 0,
): PlannedRelease[] {
  const ours = snapshots.filter(snapshot => {
    const lease = snapshot.holders.get(uuid)?.lease
    return showsHolder(snapshot, uuid) && (lease === undefined || isOurs(lease))
  })
  const planWith = (most: number, readsQueue: boolean): PlannedRelease[] =>
    firstTogether(ours).flatMap(snapshot => {
      const isFilling = snapshot.tickets.size === 0 && isGrowing(snapshot.key)
      const plan = release(snapshot, uuid, now, { mostSuccessors: isFilling ? 0 : most, readsQueue })
      return plan ? [{ snapshot, plan }] : []
    })
  for (let most = mostSuccessors; ; most--) {
    for (const readsQueue of [true, false]) {
      const planned = planWith(most, readsQueue)
      const isLast = planned.length <= 1 || (most <= 0 && !readsQueue)
      const transactions = planned.map(({ plan }) => plan.transaction)
      if (isLast || fitIntoOne(transactions, spare)) return planned
    }
  }
}

/**
 * What to do next: `read`, since an old view may not show what is held; `stop`, since nothing is held (any more); or `send` what
 * is planned.
 */
export function nextStep({ snapshots, source }: ReleaseView, planned: number): 'read' | 'stop' | 'send' {
  if (planned < snapshots.length && source === 'cache') return 'read'
  return planned === 0 ? 'stop' : 'send'
}

/** The view after etcd has answered the releases in `sent`; `after` is what is true of their locks. */
export function afterAnswer(
  view: ReleaseView,
  sent: readonly PlannedRelease[],
  after: readonly Snapshot[],
): ReleaseView {
  const before = sent.map(({ snapshot }) => snapshot)
  const snapshots = view.snapshots.map(snapshot => after[before.indexOf(snapshot)] ?? snapshot)
  return { ...view, snapshots, source: 'etcd' }
}

/**
 * Whether it is useless to repeat a release that etcd has refused because a lease was gone. It is when the release handed over
 * to no waiter, and a read shows the locks unchanged: the missing lease is then that of `extraOps`.
 */
export function isRefusedForGood(before: ReleaseView, now: readonly Snapshot[]): boolean {
  const handedToNobody = before.mostSuccessors === 0 && before.source === 'etcd'
  return handedToNobody && before.snapshots.every((snapshot, at) => isSame(snapshot, now[at]!))
}

/**
 * Whether the lease of a holding can serve another lock after the release that etcd has confirmed; `released` is undefined when
 * it has confirmed none. It cannot when the holder key was on another: a process that extends a holding by its id revokes the
 * lease that the holding leaves, however late, and with it any lock that would be on it by then.
 */
export function isReusable(lease: LeaseId, released: PlannedRelease | undefined, uuid: string): boolean {
  return released !== undefined && released.snapshot.holders.get(uuid)?.lease === lease
}

/** A lease that ends takes a holder key along, and often the KeyLocks. */
function isSame(before: Snapshot, after: Snapshot): boolean {
  return modRevisionOf(before) === modRevisionOf(after) && before.holders.size === after.holders.size
}
