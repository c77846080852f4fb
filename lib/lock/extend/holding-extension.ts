import type { KeyValue } from '../../kv/key-value.js'
import type { Put } from '../../kv/transaction.js'
import { extend } from '../../protocol/extend.js'
import { LockKey } from '../../protocol/lock-key.js'
import { extendedRecord, hasRecord } from '../../protocol/record.js'
import { keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import type { Engine } from '../engine/engine.js'
import type { Lease } from '../leases/lease.js'
import type { TransferSource } from './lease-transfer.js'
import type { TransferPlan } from './transfer-state.js'

/** The extension of what is held under one id, as the source of its {@link LeaseTransfer}. */
export class HoldingExtension implements TransferSource<void> {
  /** Relukko's record of it, when there is one: it moves along, to the lease of the first lock. */
  private record: KeyValue | undefined

  constructor(
    private readonly engine: Engine,
    private readonly keys: readonly LockKey[],
    private readonly uuid: string,
    /** The seconds for which the holding that a snapshot shows is to last from now on. */
    private readonly ttlFor: (snapshot: Snapshot) => number,
    private readonly keepsPromise: boolean,
  ) {}

  async look(within: CallOptions): Promise<readonly Snapshot[]> {
    this.record = undefined
    const snapshots = await this.engine.read(this.keys, within)
    if (!snapshots.some(snapshot => hasRecord(snapshot, this.uuid))) return snapshots
    const seen = await this.engine.readBeside(this.keys, LockKey.record(this.uuid), within)
    this.record = seen.kv
    return seen.snapshots
  }

  async plan(snapshots: readonly Snapshot[], within: CallOptions): Promise<TransferPlan<void> | undefined> {
    const { pool } = this.engine
    // Before a lease is taken: one that cannot be read throws.
    snapshots.forEach(keyLocksOf)
    const leases = await pool.takeAllFresh(snapshots.map(this.ttlFor), within)
    const transactions = snapshots.flatMap((snapshot, at) => {
      const { id: lease, since, asked: ttl } = leases[at]!
      const extraOps = at === 0 ? this.putRecord(leases[at]!) : []
      return extend(snapshot, { uuid: this.uuid, ttl, lease, extraOps }, since) ?? []
    })
    if (transactions.length === this.keys.length) {
      return { leases, transactions, keepsPromise: this.keepsPromise, outcome: undefined }
    }
    for (const lease of leases) pool.return(lease)
    return undefined
  }

  private putRecord({ id: lease, since, asked }: Lease): Put[] {
    if (!this.record) return []
    const { key, value } = this.record
    return [{ type: 'put', key, value: extendedRecord(value, since.plusSeconds(asked), since), lease }]
  }
}
