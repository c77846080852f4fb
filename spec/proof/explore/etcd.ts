import type { KeyEvent, KeyValue, LeaseId } from '../../../lib/kv/key-value.js'
import type { Op, Transaction, TransactionResult } from '../../../lib/kv/transaction.js'
import type { KeyLocks } from '../../../lib/model/key-locks.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import { keyLocksOf, readSnapshot, type Snapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { isWithin } from '../../../lib/kv/key-value.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const everything = { key: '\0', end: '\u{10ffff}' }

export interface Change {
  readonly after: Etcd
  readonly result: TransactionResult
  readonly events: readonly KeyEvent[]
}

/** All that etcd has at one moment, as a value: a change makes another. */
export class Etcd {
  private readonly seen = new Map<LockKey, Snapshot>()
  private readonly parsed = new Map<LockKey, KeyLocks>()

  constructor(
    readonly keys: readonly KeyValue[] = [],
    readonly revision = 1n,
    readonly leases: ReadonlySet<LeaseId> = new Set(),
  ) {}

  /** What is true of one lock. */
  truth(key: LockKey): Snapshot {
    let truth = this.seen.get(key)
    if (!truth) {
      const { revision } = this
      const results = snapshotReads(key).map(range => this.keys.filter(kv => isWithin(kv.key, range)))
      truth = readSnapshot(key, { succeeded: true, revision, results })
      this.seen.set(key, truth)
    }
    return truth
  }

  keyLocks(key: LockKey): KeyLocks {
    let keyLocks = this.parsed.get(key)
    if (!keyLocks) this.parsed.set(key, (keyLocks = keyLocksOf(this.truth(key))))
    return keyLocks
  }

  has(path: string): boolean {
    return this.keys.some(kv => kv.key === path)
  }

  /** @throws StoreError when a put names a lease that is gone. */
  commit(transaction: Transaction): Change {
    const keySpace = this.restored()
    const { result, events } = keySpace.run(transaction)
    if (events.length === 0) return { after: this, result, events }
    // A key that has not changed stays the same object, so that what was computed of it is found again.
    const keys = keySpace.range(everything).map(kv => this.keys.find(old => isSame(old, kv)) ?? kv)
    return { after: new Etcd(keys, keySpace.revision, this.leases), result, events }
  }

  withLease(lease: LeaseId): Etcd {
    return new Etcd(this.keys, this.revision, new Set([...this.leases, lease]))
  }

  /** A lease takes its keys along, in ascending order. */
  withoutLease(lease: LeaseId): Change {
    const attached = this.keys.filter(kv => kv.lease === lease)
    const success = attached.map((kv): Op => ({ type: 'delete', key: kv.key }))
    const { after, ...change } = this.commit({ compare: [], success, failure: [] })
    const leases = new Set([...this.leases].filter(id => id !== lease))
    return { ...change, after: new Etcd(after.keys, after.revision, leases) }
  }

  /** The keys come into being as they once did, at their old revisions. */
  private restored(): KeySpace {
    let isRestoring = true
    const keySpace = new KeySpace(lease => isRestoring || this.leases.has(lease))
    const putAt = (revision: bigint, { key, value, lease }: KeyValue): void => {
      keySpace.revision = revision - 1n
      keySpace.run({ compare: [], success: [{ type: 'put', key, value, lease }], failure: [] })
    }
    for (const kv of this.keys) {
      putAt(kv.createRevision, kv)
      if (kv.modRevision > kv.createRevision) putAt(kv.modRevision, kv)
    }
    keySpace.revision = this.revision
    isRestoring = false
    return keySpace
  }
}

function isSame(a: KeyValue, b: KeyValue): boolean {
  return a.key === b.key && a.modRevision === b.modRevision
}
