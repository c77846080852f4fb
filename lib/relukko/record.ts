import type { KeyValue } from '../kv/key-value.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'
import { LockKey } from '../protocol/lock-key.js'
import { RelukkoDTO, type RelukkoFields, type RelukkoJson } from './relukko-dto.js'

/** Of a lock that was not taken through Relukko. */
const NO_IP = '0.0.0.0'

/** A name holds no `/`; those of Relukko may. */
export function encodeName(name: string): string {
  return name.replace(/[%/]/g, character => encodeURIComponent(character))
}

/** @param request by which the client knows its call again. */
export function formatRecord(lock: RelukkoFields, request: string | undefined): string {
  return JSON.stringify({ ...new RelukkoDTO(lock).toJSON(), id: undefined, request })
}

/** Of a text that {@link formatRecord} has made; undefined for others. */
export function requestOf(kv: KeyValue | undefined): string | undefined {
  if (!parseRecord(kv)) return undefined
  const { request } = JSON.parse(kv!.value) as { readonly request?: unknown }
  return typeof request === 'string' ? request : undefined
}

/** Undefined when the text is no record. */
export function parseRecord(kv: KeyValue | undefined): RelukkoDTO | undefined {
  if (!kv) return undefined
  try {
    const id = kv.key.slice(LockKey.records.key.length)
    return RelukkoDTO.fromJSON({ ...(JSON.parse(kv.value) as Omit<RelukkoJson, 'id'>), id })
  } catch {
    return undefined
  }
}

/** A holding as Relukko's clients see it: by its record; without one, it was taken by others. */
export function dtoOf(
  key: LockKey,
  holding: Pick<ConcurrentLock, 'uuid' | 'owner' | 'created' | 'expiresAt'>,
  record: RelukkoDTO | undefined,
): RelukkoDTO {
  if (record && encodeName(record.lockName) === key.name) return record
  const { uuid, owner, created, expiresAt } = holding
  return new RelukkoDTO({
    id: uuid,
    lockName: decodeName(key.name),
    creator: owner,
    ip: NO_IP,
    expiresAt,
    createdAt: created,
    updatedAt: created,
  })
}

/** The name that Relukko's clients see: as it is, when it is none that {@link encodeName} makes. */
export function decodeName(name: string): string {
  const decoded = name.replace(/%(25|2F)/g, code => decodeURIComponent(code))
  return encodeName(decoded) === name ? decoded : name
}
