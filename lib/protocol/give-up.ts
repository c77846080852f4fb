import type { Transaction } from '../kv/transaction.js'
import { type Snapshot, snapshotReads } from './snapshot.js'

/**
 * Leaves the queue, and reads who stood in the way. When it fails there is no ticket (any more), and it reads
 * whether the lock was granted.
 */
export function giveUp({ key }: Snapshot, uuid: string): Transaction {
  return {
    compare: [{ target: 'create', key: key.ticket(uuid), is: '!=', revision: 0n }],
    success: [{ type: 'delete', key: key.ticket(uuid) }, ...snapshotReads(key)],
    failure: snapshotReads(key),
  }
}
