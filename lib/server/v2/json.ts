import type { HolderState, LockState, WaiterState } from '../../model/lock-state.js'
import type { Timestamp } from '../../model/timestamp.js'
import { decodeName } from '../../relukko/locks/record.js'
import type { RelukkoDTO } from '../../relukko/relukko-dto.js'
import type { ShownEvent } from './events.js'

/** What is known of a holder that was taken through Relukko. */
export type RecordOf = (id: string) => RelukkoDTO | undefined

/**
 * A lock on the wire of `/v2`: names in snake case, times in RFC 3339, tokens as text, since JSON numbers would corrupt them.
 * @param revision of etcd, than which what is said is not older.
 */
export function lockJson(
  { prefix, name, holders, waiters, problem }: LockState,
  recordOf: RecordOf,
  now: Timestamp,
  revision: bigint,
): object {
  return {
    prefix,
    name,
    lock_name: decodeName(name),
    revision: String(revision),
    holders: holders.map(holder => holderJson(holder, recordOf(holder.id), now)),
    waiters: waiters.map(waiterJson),
    ...(problem !== undefined && { problem }),
  }
}

export function eventJson({ type, prefix, name, id, owner, revision, by, reason }: ShownEvent): object {
  const lock_name = decodeName(name)
  return { type, prefix, name, lock_name, id, owner: owner ?? null, revision: String(revision), by, reason }
}

function holderJson(holder: HolderState, record: RelukkoDTO | undefined, now: Timestamp): object {
  const { id, owner, since, remaining, renewed, concurrency, ttl, fencingToken } = holder
  return {
    id,
    owner,
    since: since.toISO(),
    remaining,
    renewed,
    concurrency,
    ttl,
    fencing_token: fencingToken === undefined ? null : String(fencingToken),
    ...(record && {
      creator: record.creator,
      ip: record.ip,
      created_at: record.createdAt.toISO(),
      expires_at: record.expiresAt.toISO(),
      expires_in: now.secondsUntil(record.expiresAt),
    }),
  }
}

function waiterJson({ id, owner, since, place }: WaiterState): object {
  return { id, owner: owner ?? null, since: since?.toISO() ?? null, place }
}
