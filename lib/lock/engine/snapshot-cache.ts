import type { LockKey } from '../../protocol/lock-key.js'
import { LockUnreadableError } from '../../model/errors.js'
import { beginningOf } from '../../protocol/queue.js'
import { emptySnapshot, keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'

const MOST = 1_000

/**
 * What this process saw last of the locks it used: the guess that makes the next acquire or release one
 * call when it is right. A wrong guess costs a call and nothing else.
 */
export class SnapshotCache {
  /**
   * In the order in which they were first seen. A Map that is old and often deleted from leaves copies of itself behind, which keep what was
   * in them: so nothing is deleted to keep them in the order of their use.
   */
  private readonly seen = new Map<string, Snapshot>()

  /** @param onSet told of the path of a lock of which more is known. */
  constructor(private readonly onSet: (path: string) => void = () => {}) {}

  get(key: LockKey): Snapshot {
    return this.seen.get(key.path) ?? emptySnapshot(key)
  }

  /**
   * Remembers the truth, for as many locks as there is room, and of a long queue its beginning: each hand-over copies what is known of the
   * queue. Not what is unreadable: somebody may have mended it, so it is to be looked at anew.
   */
  set(snapshot: Snapshot): void {
    const { path } = snapshot.key
    const known = this.seen.get(path)
    // Of two answers that come at once the later may be the older.
    if (known && known.revision > snapshot.revision) return
    if (!isReadable(snapshot)) return this.delete(snapshot.key)
    this.seen.set(path, beginningOf(snapshot))
    this.onSet(path)
    if (this.seen.size <= MOST) return
    const [oldest] = this.seen.keys()
    this.seen.delete(oldest!)
  }

  delete(key: Pick<LockKey, 'path'>): void {
    this.seen.delete(key.path)
  }
}

/** Whether its KeyLocks is one. */
export function isReadable(snapshot: Snapshot): boolean {
  if (!snapshot.keyLocks) return true
  try {
    keyLocksOf(snapshot)
    return true
  } catch (error) {
    if (error instanceof LockUnreadableError) return false
    throw error
  }
}
