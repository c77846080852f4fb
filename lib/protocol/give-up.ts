import type { Op, Transaction } from '../kv/transaction.js'
import type { LockKey } from './lock-key.js'
import { type Snapshot, snapshotReads } from './snapshot.js'

/**
 * Leaves the queue, and reads which holders stood in the way. Undefined when the snapshot shows no ticket. When it fails that ticket
 * is gone, and it reads whether the lock was granted. However late it comes, it takes no ticket that was taken anew.
 */
export function giveUp(
  { key, tickets }: Snapshot,
  uuid: string,
  reads: (key: LockKey) => readonly Op[] = snapshotReads,
): Transaction | undefined {
  const ticket = tickets.get(uuid)
  if (!ticket) return undefined
  return {
    compare: [{ target: 'create', key: ticket.key, is: '=', revision: ticket.createRevision }],
    success: [{ type: 'delete', key: ticket.key }, ...reads(key)],
    failure: reads(key),
  }
}
