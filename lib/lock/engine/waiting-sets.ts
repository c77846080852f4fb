import type { LockKey } from '../../protocol/lock-key.js'
import type { Asked } from '../../protocol/set-hand-over.js'
import type { Snapshot } from '../../protocol/snapshot.js'

/** A request of this process for several locks at once that waits. */
export interface WaitingSet {
  readonly uuid: string
  readonly keys: readonly LockKey[]
  /** Something has become known of the lock that it faces. */
  onChange(): void
  /** What it asks for, for a release that may grant it that; undefined while it may do something by itself, or has to wait for others. */
  readonly asked: readonly Asked[] | undefined
  /** A release of this process is about to grant it all: its leases are to be fresh then. */
  onHandOver(): void
}

/**
 * The sets of this process that wait. Each faces one lock, where it is farthest back: what this process does to that, and learns of it,
 * costs no call and no watch.
 */
export class WaitingSets {
  private readonly sets = new Map<string, WaitingSet>()
  private readonly facing = new Map<string, Set<WaitingSet>>()

  /** How many sets are about to join each queue: what takes their tickets is under way. */
  private readonly coming = new Map<string, number>()

  /** The releases of several locks that are under way, by the locks that they leave. */
  private readonly releases = new Map<string, Promise<unknown>>()

  get size(): number {
    return this.sets.size
  }

  has(uuid: string): boolean {
    return this.sets.has(uuid)
  }

  enter(set: WaitingSet): void {
    this.sets.set(set.uuid, set)
  }

  /** @param before the lock that it has faced; undefined when there was none. */
  face(set: WaitingSet, key: LockKey | undefined, before: LockKey | undefined): void {
    if (key?.path === before?.path) return
    const left = before && this.facing.get(before.path)
    left?.delete(set)
    if (left?.size === 0) this.facing.delete(before!.path)
    if (!key) return
    const there = this.facing.get(key.path)
    if (there) there.add(set)
    else this.facing.set(key.path, new Set([set]))
  }

  /** It waits no more. Whoever waits behind it, and has relied on it, looks anew. */
  leave({ uuid, keys }: WaitingSet): void {
    if (this.sets.delete(uuid)) for (const { path } of keys) this.changed(path)
  }

  /** While `work` takes tickets of a set for these locks. */
  async joining<T>(keys: readonly LockKey[], work: Promise<T>): Promise<T> {
    const count = (by: number): void => {
      for (const { path } of keys) {
        const now = (this.coming.get(path) ?? 0) + by
        if (now > 0) this.coming.set(path, now)
        else this.coming.delete(path)
      }
    }
    count(1)
    try {
      return await work
    } finally {
      count(-1)
    }
  }

  /** Whether the queue of this lock is about to grow, so that a transaction that finds nobody there is likely to fail. */
  isGrowing({ path }: LockKey): boolean {
    return this.coming.has(path)
  }

  /**
   * Those that are the first in the queue of one of these locks, each once: a release of the locks may grant to no other. Whatever they face:
   * of two locks that keep a set waiting it faces one, and the other may be the last that becomes free.
   */
  firstOf(snapshots: readonly Snapshot[]): WaitingSet[] {
    if (this.sets.size === 0) return []
    const first = new Set<WaitingSet>()
    for (const { tickets } of snapshots) {
      const [uuid] = tickets.keys()
      const set = uuid === undefined ? undefined : this.sets.get(uuid)
      if (set) first.add(set)
    }
    return [...first]
  }

  /** While `work` releases these locks. */
  async releasing<T>(keys: readonly LockKey[], work: Promise<T>): Promise<T> {
    for (const { path } of keys) this.releases.set(path, work)
    try {
      return await work
    } finally {
      for (const { path } of keys) if (this.releases.get(path) === work) this.releases.delete(path)
    }
  }

  /** The releases under way for which a set waits that waits for the release of these locks, too. */
  releasesBeside(snapshots: readonly Snapshot[]): Promise<unknown>[] {
    if (this.releases.size === 0) return []
    const keys = this.firstOf(snapshots).flatMap(set => set.keys)
    return [...new Set(keys.flatMap(({ path }) => this.releases.get(path) ?? []))]
  }

  changed(path: string): void {
    for (const set of this.facing.get(path) ?? []) set.onChange()
  }
}
