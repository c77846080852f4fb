import type { KeyValue } from '../../kv/key-value.js'
import type { ConcurrentLock } from '../../model/concurrent-lock.js'
import type { Timestamp } from '../../model/timestamp.js'
import { LockKey } from '../../protocol/lock-key.js'
import { isRenewed, sinceOf } from '../../protocol/terms.js'
import { RelukkoDTO } from '../relukko-dto.js'

/** Of a lock that was not taken through Relukko. */
const NO_IP = '0.0.0.0'

/** A name holds no `/` and no control characters; those of Relukko may. NUL may not: no database of theirs could hold it. */
export function encodeName(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.replace(/[%/\u0001-\u001f\u007f-\u009f]/g, character => encodeURIComponent(character))
}

/** What stands beside a holding that was taken, or changed, through Relukko. */
export interface LockRecord {
  readonly lock: RelukkoDTO
  /** Of the lock in etcd. */
  readonly name: string
  /** By which the client knows its call again. */
  readonly request?: string | undefined
}

export function formatRecord({ lock, name, request }: LockRecord): string {
  const isEncoded = name === encodeName(lock.lockName)
  return JSON.stringify({ ...lock.toJSON(), id: undefined, request, name: isEncoded ? undefined : name })
}

/** Undefined when the text is no record. */
export function parseRecord(kv: KeyValue | undefined): LockRecord | undefined {
  if (!kv) return undefined
  try {
    const id = kv.key.slice(LockKey.records.key.length)
    const json = JSON.parse(kv.value) as Partial<Record<keyof LockRecord, unknown>>
    const lock = RelukkoDTO.fromJSON({ ...json, id })
    const { name, request } = json
    return {
      lock,
      name: typeof name === 'string' ? name : encodeName(lock.lockName),
      ...(typeof request === 'string' && { request }),
    }
  } catch {
    return undefined
  }
}

/** What is known of a holding beside its entry. */
export interface Beside {
  readonly holder: KeyValue | undefined
  readonly record: LockRecord | undefined
  /** One that its holder renews lasts from here for its ttl; when not given, it is said until when its entry counts. */
  readonly now?: Timestamp
}

/** A holding as Relukko's clients see it: by its record; without one, it was taken by others. */
export function dtoOf(
  key: LockKey,
  holding: Pick<ConcurrentLock, 'uuid' | 'owner' | 'created' | 'expiresAt'>,
  { holder, record, now }: Beside,
): RelukkoDTO {
  if (record?.name === key.name) return record.lock
  const { uuid, owner, created, expiresAt } = holding
  return new RelukkoDTO({
    id: uuid,
    lockName: decodeName(key.name),
    creator: owner,
    ip: NO_IP,
    expiresAt:
      now && isRenewed(holder) ? now.plusSeconds(created.secondsUntil(expiresAt)).printable : expiresAt,
    createdAt: sinceOf(holder, created),
    updatedAt: created,
  })
}

/** Whether a lock was taken by others; a record that tells of changes does not make it Relukko's. */
export function isForeign({ ip }: RelukkoDTO): boolean {
  return ip === NO_IP
}

/** The name that Relukko's clients see: as it is, when it is none that {@link encodeName} makes. */
export function decodeName(name: string): string {
  try {
    const decoded = decodeURIComponent(name)
    return encodeName(decoded) === name ? decoded : name
  } catch {
    return name
  }
}
