import type { Snapshot } from '../../protocol/snapshot.js'

/** A request of this process that waits in the queue. */
export interface LocalWaiter {
  /** A release of this process is about to hand it the lock. */
  onHandOver(): void
  /** A release of this process has handed it the lock. */
  onGranted(snapshot: Snapshot): void
  /** Of those that wait in this process it is the first now. */
  onFirst(): void
  /** It is the first, and this process has changed the lock. */
  onProgress(): void
}

interface Place {
  readonly waiter: LocalWaiter
  /** The create revision of its ticket. */
  readonly revision: bigint
}

/** The waiters of this process in the queue of one lock, in the order of their tickets. */
export class LocalQueue {
  private places = new Map<string, Place>()
  private last = 0n

  get size(): number {
    return this.places.size
  }

  has(uuid: string): boolean {
    return this.places.has(uuid)
  }

  get(uuid: string): LocalWaiter | undefined {
    return this.places.get(uuid)?.waiter
  }

  get first(): LocalWaiter | undefined {
    const [place] = this.places.values()
    return place?.waiter
  }

  /** A ticket of this waiter stands since this revision: its first, or a new one. */
  add(uuid: string, waiter: LocalWaiter, revision: bigint): void {
    if (this.places.get(uuid)?.revision === revision) return
    const { first } = this
    this.places.delete(uuid)
    this.places.set(uuid, { waiter, revision })
    if (revision < this.last) this.sort()
    else this.last = revision
    this.tellFirst(first)
  }

  delete(uuid: string): void {
    const { first } = this
    this.places.delete(uuid)
    this.tellFirst(first)
  }

  /** The answer that told of a ticket was lost, and it is found late: it may stand before others. */
  private sort(): void {
    const sorted = [...this.places].sort(([, a], [, b]) => Number(a.revision - b.revision))
    this.places = new Map(sorted)
  }

  private tellFirst(before: LocalWaiter | undefined): void {
    const { first } = this
    if (first && first !== before) first.onFirst()
  }
}
