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

interface Reading {
  /** For whom it is. */
  asked: readonly Asked[]
  /** Who has asked since. */
  readonly line: Asked[]
}

/** Reads of which each is told: the truth about the lock, with its own ticket if that stands. By the order of the ids. @throws StoreError */
export type ReadForAll = (
  key: LockKey,
  uuids: readonly string[],
  within: CallOptions,
) => Promise<readonly Snapshot[]>

/**
 * Reads queues for the waiters and the holders of this process. Those who ask while a read of their lock is under way share the next one, which
 * begins after all of them have asked: many take their tickets in one transaction, and each has to look when its watch stands; many are
 * handed the lock in one, and release it when this process knows of none of them.
 */
export class QueueReads {
  /** By the path of the lock. */
  private readonly underWay = new Map<string, Reading>()

  constructor(private readonly readForAll: ReadForAll) {}

  /** One attempt. @throws StoreError */
  read(key: LockKey, uuid: string, within: CallOptions): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      const asked = { uuid, within, resolve, reject }
      const underWay = this.underWay.get(key.path)
      if (!underWay) void this.readAll(key, { asked: [asked], line: [] })
      // It has no time to wait for that one.
      else if (leastTime([asked]) < leastTime(underWay.asked)) void this.readOnce(key, [asked])
      else underWay.line.push(asked)
    })
  }

  private async readAll(key: LockKey, reading: Reading): Promise<void> {
    this.underWay.set(key.path, reading)
    for (; reading.asked.length > 0; reading.asked = reading.line.splice(0, MOST))
      await this.readOnce(key, reading.asked)
    this.underWay.delete(key.path)
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
