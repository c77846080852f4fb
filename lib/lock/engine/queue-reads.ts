import type { LockKey } from '../../protocol/lock-key.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'

/** How many ask in one call: each reads its own ticket, and etcd takes 128 operations. */
const MOST = 64

interface Asked {
  /** Whose ticket it is about; undefined for a holder, which has none. */
  readonly uuid: string | undefined
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

/**
 * Reads of which each is told: the truth about the lock, with its own ticket if that stands, in the order of the ids; and at the end the
 * truth by itself. @throws StoreError
 */
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
  read(key: LockKey, uuid: string | undefined, within: CallOptions): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      const asked = { uuid, within, resolve, reject }
      const underWay = this.underWay.get(key.path)
      if (!underWay) void this.readAll(key, { asked: [asked], line: [] })
      // It has no time to wait for that one.
      else if (leastTime([asked]) < longestBefore(asked, underWay)) void this.readOnce(key, [asked])
      else underWay.line.push(asked)
    })
  }

  private async readAll(key: LockKey, reading: Reading): Promise<void> {
    this.underWay.set(key.path, reading)
    for (; reading.asked.length > 0; reading.asked = takeNext(reading.line))
      await this.readOnce(key, reading.asked)
    this.underWay.delete(key.path)
  }

  private async readOnce(key: LockKey, asked: readonly Asked[]): Promise<void> {
    try {
      const uuids = asked.map(({ uuid }) => uuid).filter(uuid => uuid !== undefined)
      const snapshots = await this.readForAll(key, uuids, { timeoutMs: leastTime(asked) })
      let at = 0
      for (const { uuid, resolve } of asked)
        resolve(uuid === undefined ? snapshots.at(-1)! : snapshots[at++]!)
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }
}

/** The first that ask about a ticket, and all that do not. They are taken out of the line. */
function takeNext(line: Asked[]): Asked[] {
  let tickets = 0
  const isNext = ({ uuid }: Asked): boolean => uuid === undefined || ++tickets <= MOST
  const next: Asked[] = []
  const left: Asked[] = []
  for (const each of line) (isNext(each) ? next : left).push(each)
  line.splice(0, Infinity, ...left)
  return next
}

/** Milliseconds that a read before its own may last: that under way and, where the next has no room for it, that one, too. */
function longestBefore({ uuid }: Asked, { asked, line }: Reading): number {
  const isFull = uuid !== undefined && line.length >= MOST
  return Math.max(leastTime(asked), isFull ? leastTime(line) : 0)
}

/** Milliseconds that the least patient of them has: the others ask again. */
function leastTime(asked: readonly Asked[]): number {
  return Math.min(...asked.map(({ within }) => within.timeoutMs ?? Infinity))
}
