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
    const keySpace = new KeySpace(lease => this.leases.has(lease), this.keys, this.revision)
    const { result, events } = keySpace.run(transaction)
    if (events.length === 0) return { after: this, result, events }
    return { after: new Etcd(keySpace.range(everything), keySpace.revision, this.leases), result, events }
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
}
