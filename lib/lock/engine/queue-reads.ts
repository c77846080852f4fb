import type { LockKey } from '../../protocol/lock-key.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'

/** How many ask in one call: each reads its own ticket, and etcd takes 128 operations. */
const MOST = 64

interface Asked {
  readonly uuid: string
  readonly within: CallOptions
  readonly resolve: (snapshot: Snapshot) => void
  readonly reject: (error: unknown) => void
}

/** Reads of which each is told: the truth about the lock, with its own ticket if that stands. By the order of the ids. @throws StoreError */
export type ReadForAll = (
  key: LockKey,
  uuids: readonly string[],
  within: CallOptions,
) => Promise<readonly Snapshot[]>

/**
 * Reads queues for the waiters of this process. Those who ask while a read of their lock is under way share the next one, which begins after
 * all of them have asked: many take their tickets in one transaction, and each has to look when its watch stands.
 */
export class QueueReads {
  /** By the path of the lock, while a read is under way: who has asked since. */
  private readonly lines = new Map<string, Asked[]>()

  constructor(private readonly readForAll: ReadForAll) {}

  /** One attempt. @throws StoreError */
  read(key: LockKey, uuid: string, within: CallOptions): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      const asked = { uuid, within, resolve, reject }
      const line = this.lines.get(key.path)
      if (line) line.push(asked)
      else {
        this.lines.set(key.path, [])
        void this.readAll(key, [asked])
      }
    })
  }

  private async readAll(key: LockKey, first: readonly Asked[]): Promise<void> {
    for (let asked = first; asked.length > 0; asked = this.lines.get(key.path)!.splice(0, MOST))
      await this.readOnce(key, asked)
    this.lines.delete(key.path)
  }

  private async readOnce(key: LockKey, asked: readonly Asked[]): Promise<void> {
    try {
      const uuids = asked.map(({ uuid }) => uuid)
      const snapshots = await this.readForAll(key, uuids, { timeoutMs: leastTime(asked) })
      asked.forEach(({ resolve }, at) => resolve(snapshots[at]!))
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}

/** Milliseconds that the least patient of them has: the others ask again. */
function leastTime(asked: readonly Asked[]): number {
  return Math.min(...asked.map(({ within }) => within.timeoutMs ?? Infinity))
}
