import { byCount, type Snapshot } from '../../protocol/snapshot.js'

/** A request of this process that waits in the queue. */
export interface LocalWaiter {
  /** This process is about to hand it the lock, or soon will. Returns whether a lease of it is renewed for that. */
  onHandOver(): boolean
  /** A release of this process has handed it the lock. */
  onGranted(snapshot: Snapshot): void
  /** Of those that wait in this process it is the first now. */
  onFirst(): void
  /** It is the first, and a release of this process has handed the lock to a waiter before it. */
  onProgress(): void
  /** It is the first, and a holder of this process has left without handing the lock to anybody. */
  onFreed(): void
}

interface Place {
  readonly waiter: LocalWaiter
  /** The create revision of its ticket. */
  readonly revision: bigint
}

/** The waiters of this process in the queue of one lock, in the order of their tickets. */
export class LocalQueue {
  private places = new Map<string, Place>()
  /** No place was behind this one. */
  private last: [string, Place] | undefined

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

  /** So many that stand behind this one, first come first. */
  behind(uuid: string, most: number): LocalWaiter[] {
    const found: LocalWaiter[] = []
    let isBehind = false
    for (const [id, { waiter }] of this.places) {
      if (found.length === most) break
      if (isBehind) found.push(waiter)
      isBehind ||= id === uuid
    }
    return found
  }

  /** A ticket of this waiter stands since this revision: its first, or a new one. */
  add(uuid: string, waiter: LocalWaiter, revision: bigint): void {
    if (this.places.get(uuid)?.revision === revision) return
    const { first } = this
    const added: [string, Place] = [uuid, { waiter, revision }]
    this.places.delete(uuid)
    this.places.set(...added)
    if (this.last && compare(this.last, added) > 0) this.sort()
    else this.last = added
    this.tellFirst(first)
  }

  delete(uuid: string): void {
    const { first } = this
    this.places.delete(uuid)
    if (this.places.size === 0) this.last = undefined
    this.tellFirst(first)
  }

  /**
   * As all see the tickets: those of one transaction in the order in which their ids were made. When the answer that told of a ticket was lost, it is
   * found late, and may stand before others.
   */
  private sort(): void {
    this.places = new Map([...this.places].sort(compare))
  }

  private tellFirst(before: LocalWaiter | undefined): void {
    const { first } = this
    if (first && first !== before) first.onFirst()
  }
}

function compare([a, { revision: old }]: [string, Place], [b, { revision: young }]: [string, Place]): number {
  return old === young ? byCount(a, b) : Number(old - young)
}
