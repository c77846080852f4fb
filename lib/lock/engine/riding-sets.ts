import type { Transaction } from '../../kv/transaction.js'
import { fitIntoOne, MAX_TXN_OPS } from '../../protocol/lock-set.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import { isProvenRefusal } from '../../store/store-error.js'
import type { Clock, Timer } from '../../time/clock.js'

/** How long the tickets of a set are kept back at most, milliseconds: so much later than others it may stand in its queues. */
const RIDE_MS = 20
/** A set of more locks hardly finds room beside a release, so that it would wait in vain. */
const MOST_LOCKS = MAX_TXN_OPS / 8

/** The tickets of a set of this process, which are kept back until a release takes them along. */
export class Rider {
  /** What is true of its locks once its tickets stand; undefined when it has to put them by itself: nothing was applied. */
  readonly answer: Promise<readonly Snapshot[] | undefined>
  private settle!: (results: readonly Snapshot[] | undefined) => void
  private reject!: (error: unknown) => void

  constructor(
    readonly keys: readonly LockKey[],
    /** One for each lock. They do the same in both branches, whatever becomes of the release. */
    readonly transactions: readonly Transaction[],
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.settle = resolve
      this.reject = reject
    })
  }

  /** @param read takes what is true of its locks from the answer. Where that fails, the set is told why. */
  arrive(read: () => readonly Snapshot[]): void {
    try {
      this.settle(read())
    } catch (error) {
      this.reject(error)
    }
  }

  /** No transaction has taken it along. */
  goAlone(): void {
    this.settle(undefined)
  }

  /** The transaction that it was in has failed. The lease that etcd misses may be that of another. */
  fail(error: unknown): void {
    if (isProvenRefusal(error)) this.goAlone()
    else this.reject(error)
  }
}

/**
 * The sets of this process that are about to join their queues, in their order, and would stand behind others of it. A release of those
 * takes their tickets along, which saves a call for each set. Two that share a lock never travel in one transaction: their tickets
 * would have one revision.
 */
export class RidingSets {
  private readonly timers = new Map<Rider, Timer>()

  constructor(private readonly clock: Clock) {}

  /** Whether there may be room for so many. */
  hasRoomFor({ length }: readonly LockKey[]): boolean {
    return length <= MOST_LOCKS
  }

  /** Whether one of these locks is wanted by a set that is kept back: whoever asks later stands behind it. */
  isWanted(keys: readonly LockKey[]): boolean {
    for (const rider of this.timers.keys()) if (shareOne(rider.keys, keys)) return true
    return false
  }

  /** Nobody is kept back any more. */
  close(): void {
    for (const [rider, timer] of this.timers) {
      timer.cancel()
      rider.goAlone()
    }
    this.timers.clear()
  }

  /** Keeps these tickets back for a while. */
  wait(keys: readonly LockKey[], transactions: readonly Transaction[]): Rider {
    const rider = new Rider(keys, transactions)
    const leave = (): void => {
      this.timers.delete(rider)
      rider.goAlone()
    }
    this.timers.set(rider, this.clock.timer(RIDE_MS, leave))
    return rider
  }

  /**
   * Those that travel with these transactions: the first of all, and those that share no lock with one before them, as far as there is
   * room. Each is to be told what has become of it.
   */
  take(others: readonly Transaction[], spare: number): readonly Rider[] {
    const taken: Rider[] = []
    const seen: LockKey[] = []
    const all = [...others]
    for (const [rider, timer] of this.timers) {
      const isBehind = shareOne(rider.keys, seen)
      seen.push(...rider.keys)
      if (isBehind || !fitIntoOne([...all, ...rider.transactions], spare)) continue
      all.push(...rider.transactions)
      taken.push(rider)
      this.timers.delete(rider)
      timer.cancel()
    }
    return taken
  }
}

function shareOne(some: readonly LockKey[], others: readonly LockKey[]): boolean {
  return some.some(({ path }) => others.some(other => other.path === path))
}
