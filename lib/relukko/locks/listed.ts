import type { KeyValue } from '../../kv/key-value.js'
import type { LockReader } from '../../lock/api/index.js'
import { LockUnreadableError } from '../../model/errors.js'
import { KeyLocks } from '../../model/key-locks.js'
import type { Timestamp } from '../../model/timestamp.js'
import { LockKey } from '../../protocol/lock-key.js'
import { isUuid } from './inputs.js'
import { dtoOf, parseRecord } from './record.js'
import type { RelukkoDTO } from '../relukko-dto.js'

export interface Listed {
  readonly key: LockKey
  readonly lock: RelukkoDTO
}

/**
 * All locks that somebody holds under the prefix, at one revision; also those that were not taken through Relukko. Without
 * entries that others have written under an id that is no UUID: clients fail at the whole list for one.
 */
export async function listed(reader: LockReader, prefix: string, clock: () => Timestamp): Promise<Listed[]> {
  const [allKeyLocks, allHolders] = LockKey.allUnder(prefix)
  const { results } = await reader.ranges([allKeyLocks, allHolders, LockKey.records])
  const now = clock()
  const [keyLocks, holders, records] = results as [KeyValue[], KeyValue[], KeyValue[]]
  const alive = new Set(holders.map(kv => LockKey.parse(kv.key)!.uuid))
  const holderAt = new Map(holders.map(kv => [kv.key, kv]))
  const recordOf = new Map(records.map(kv => [kv.key, parseRecord(kv)]))
  return keyLocks.flatMap(kv => {
    const key = new LockKey(prefix, kv.key.slice(allKeyLocks.key.length))
    const live = readable(kv)?.live({ now, alive }) ?? []
    const parsable = live.filter(({ uuid }) => isUuid(uuid))
    return parsable.map(entry => {
      const { uuid } = entry
      const [holder, record] = [holderAt.get(key.holder(uuid)), recordOf.get(LockKey.record(uuid))]
      return { key, lock: dtoOf(key, entry, { holder, record, now }) }
    })
  })
}

/** One broken lock must not spoil the list. */
function readable({ key, value }: KeyValue): KeyLocks | undefined {
  try {
    return KeyLocks.fromJson(key, value)
  } catch (error) {
    if (error instanceof LockUnreadableError) return undefined
    throw error
  }
}
