import type { LockKey } from '../protocol/lock-key.js'
import { emptySnapshot, type Snapshot } from '../protocol/snapshot.js'

const MOST = 1_000

/**
 * What this process saw last of the locks it used: the guess that makes the next acquire or release one
 * call when it is right. A wrong guess costs a call and nothing else.
 */
export class Guesses {
  private readonly seen = new Map<string, Snapshot>()

  get(key: LockKey): Snapshot {
    return this.seen.get(key.path) ?? emptySnapshot(key)
  }

  /** Remembers the truth, for the locks used last. */
  set(snapshot: Snapshot): void {
    const { path } = snapshot.key
    this.seen.delete(path)
    this.seen.set(path, snapshot)
    const [oldest] = this.seen.keys()
    if (this.seen.size > MOST && oldest !== undefined) this.seen.delete(oldest)
  }

  delete(key: Pick<LockKey, 'path'>): void {
    this.seen.delete(key.path)
  }
}
