import type { KeyValue } from '../../kv/key-value.js'
import type { LockReader } from '../../lock/api/index.js'
import { LockUnreadableError } from '../../model/errors.js'
import { KeyLocks } from '../../model/key-locks.js'
import type { Timestamp } from '../../model/timestamp.js'
import { idIn, LockKey } from '../../protocol/lock-key.js'
import { isUuid } from './inputs.js'
import { dtoOf, parseRecord } from './record.js'
import type { RelukkoDTO } from '../relukko-dto.js'

/**
 * All locks that somebody holds under the prefix, at one revision; also those that were not taken through Relukko. Without
 * entries that others have written under an id that is no UUID: clients fail at the whole list for one. Each is made when it is
 * asked for: thousands at once would keep all else waiting.
 */
export async function listed(
  reader: LockReader,
  prefix: string,
  clock: () => Timestamp,
): Promise<Iterable<RelukkoDTO>> {
  const { results } = await reader.ranges([...LockKey.allUnder(prefix).slice(0, 2), LockKey.records])
  const [keyLocks, holders, records] = results as [KeyValue[], KeyValue[], KeyValue[]]
  return locksOf(prefix, keyLocks, [...holders, ...records], clock())
}

/** The lock under the prefix that lists this id, whether or not its holder is alive. */
export async function keyListing(
  reader: LockReader,
  prefix: string,
  id: string,
): Promise<LockKey | undefined> {
  const [all] = LockKey.allUnder(prefix)
  const { results } = await reader.ranges([all])
  // To look at the text first costs little, to parse thousands of them much.
  const found = results[0]!.find(kv => kv.value.includes(id) && readable(kv)?.locks.has(id))
  return found && isUuid(id) ? new LockKey(prefix, found.key.slice(all.key.length)) : undefined
}

function* locksOf(
  prefix: string,
  keyLocks: readonly KeyValue[],
  others: readonly KeyValue[],
  now: Timestamp,
): Generator<RelukkoDTO> {
  const byPath = new Map(others.map(kv => [kv.key, kv]))
  const holderOf = (key: LockKey, id: string): KeyValue | undefined => {
    const kv = byPath.get(key.holder(id))
    return kv && idIn(kv) === id ? kv : undefined
  }
  const under = LockKey.allUnder(prefix)[0].key.length
  for (const kv of keyLocks) {
    const key = new LockKey(prefix, kv.key.slice(under))
    const found = readable(kv)
    const alive = new Set([...(found?.locks.keys() ?? [])].filter(id => holderOf(key, id)))
    for (const entry of found?.live({ now, alive }) ?? []) {
      const { uuid } = entry
      if (!isUuid(uuid)) continue
      const record = parseRecord(byPath.get(LockKey.record(uuid)))
      yield dtoOf(key, entry, { holder: holderOf(key, uuid), record, now })
    }
  }
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
