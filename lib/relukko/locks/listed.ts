import { setImmediate } from 'node:timers/promises'
import type { KeyValue } from '../../kv/key-value.js'
import type { LockReader } from '../../lock/api/index.js'
import { LockUnreadableError } from '../../model/errors.js'
import { KeyLocks } from '../../model/key-locks.js'
import type { Timestamp } from '../../model/timestamp.js'
import { idIn, LockKey } from '../../protocol/lock-key.js'
import { isUuid } from './inputs.js'
import { jsonIn, soleIdIn } from './plain-texts.js'
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
  return dtosOf(await readAll(reader, prefix, clock))
}

/** As {@link listed}, for whoever writes them as JSON: where a lock comes as a text, that is its JSON. */
export async function listedAsJson(
  reader: LockReader,
  prefix: string,
  clock: () => Timestamp,
): Promise<Iterable<RelukkoDTO | string>> {
  return textsOf(await readAll(reader, prefix, clock))
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

/** All keys that tell of the locks under a prefix. */
interface All {
  readonly prefix: string
  readonly keyLocks: readonly KeyValue[]
  /** Holder keys and records, by their keys. */
  readonly others: ReadonlyMap<string, KeyValue>
  readonly now: Timestamp
}

async function readAll(reader: LockReader, prefix: string, clock: () => Timestamp): Promise<All> {
  const [under, holders] = LockKey.allUnder(prefix)
  const { results } = await reader.ranges([under, holders, LockKey.records])
  const others = new Map<string, KeyValue>()
  for (const kvs of results.slice(1)) {
    for (const kv of kvs) others.set(kv.key, kv)
    // To note ten thousand keys takes a few milliseconds.
    await setImmediate()
  }
  return { prefix, keyLocks: results[0]!, others, now: clock() }
}

function* dtosOf(all: All): Generator<RelukkoDTO> {
  const under = LockKey.allUnder(all.prefix)[0].key.length
  for (const kv of all.keyLocks) yield* dtosIn(all, kv, new LockKey(all.prefix, kv.key.slice(under)))
}

function* textsOf(all: All): Generator<RelukkoDTO | string> {
  const under = LockKey.allUnder(all.prefix)[0].key.length
  for (const kv of all.keyLocks) {
    const key = new LockKey(all.prefix, kv.key.slice(under))
    const text = plainTextOf(all, kv, key)
    if (text === undefined) yield* dtosIn(all, kv, key)
    else yield text
  }
}

/** Undefined unless one alone holds the lock, and its record is plain: of others it is not known here whether they are held. */
function plainTextOf(all: All, { value }: KeyValue, key: LockKey): string | undefined {
  const id = soleIdIn(value)
  if (id === undefined || !holderOf(all, key, id)) return undefined
  const record = all.others.get(LockKey.record(id))
  return record && jsonIn(record.value, id, key.name)
}

function* dtosIn(all: All, kv: KeyValue, key: LockKey): Generator<RelukkoDTO> {
  const { others, now } = all
  const found = readable(kv)
  const alive = new Set([...(found?.locks.keys() ?? [])].filter(id => holderOf(all, key, id)))
  for (const entry of found?.live({ now, alive }) ?? []) {
    const { uuid } = entry
    if (!isUuid(uuid)) continue
    const record = parseRecord(others.get(LockKey.record(uuid)))
    yield dtoOf(key, entry, { holder: holderOf(all, key, uuid), record, now })
  }
}

function holderOf({ others }: All, key: LockKey, id: string): KeyValue | undefined {
  const kv = others.get(key.holder(id))
  return kv && idIn(kv) === id ? kv : undefined
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
