import { type KeyRange, type KeyValue, withPrefix } from '../kv/key-value.js'
import { ETCD_WRITER_LOCK_KEY, KEYS_BASE_PATH } from '../model/constants.js'
import { slotOf } from '../model/lock-id.js'

const HOLDERS = 'holders'
const RECORDS = 'relukko'
const FORCED = 'forced'

/** What may not be a prefix, because other keys live there. */
export const RESERVED_PREFIXES: readonly string[] = [ETCD_WRITER_LOCK_KEY, HOLDERS, RECORDS, FORCED]

/** Where the key of an id stands, by its slot. */
interface SlotPath {
  readonly slot: string
  readonly path: string
}

/** No slot is empty. */
const NO_PATH: SlotPath = { slot: '', path: '' }

interface Ranges {
  readonly tickets: Required<KeyRange>
  readonly holders: Required<KeyRange>
  readonly markers: Required<KeyRange>
}

/** Where the keys of one lock live. Prefix and name hold no `/`, so no lock reaches into another's keys. */
export class LockKey {
  /** Key of the KeyLocks. */
  readonly path: string
  private made: Ranges | undefined
  /** Those that were asked for last: most locks are taken in one slot again and again. */
  private lastTicket = NO_PATH
  private lastHolder = NO_PATH

  constructor(
    readonly prefix: string,
    readonly name: string,
  ) {
    this.path = `${KEYS_BASE_PATH}/${prefix}/${name}`
  }

  /** The tickets of those who wait; by creation, they are the queue. */
  get tickets(): Required<KeyRange> {
    return this.ranges.tickets
  }

  get holders(): Required<KeyRange> {
    return this.ranges.holders
  }

  /** The markers of holders that were released, and waiters that were sent away, by force. */
  get markers(): Required<KeyRange> {
    return this.ranges.markers
  }

  /** All keys of all locks. */
  static get all(): Required<KeyRange> {
    return withPrefix(`${KEYS_BASE_PATH}/`)
  }

  /** What a key is of which lock; undefined for keys that are none of ours. */
  static parse(path: string): ParsedKey | undefined {
    if (!path.startsWith(`${KEYS_BASE_PATH}/`)) return undefined
    const parts = path.slice(KEYS_BASE_PATH.length + 1).split('/')
    const [first, second, third, ending] = parts as [string, string?, string?, string?]
    if (parts.length === 2) return { kind: 'keyLocks', key: new LockKey(first, second!), ending: '' }
    const kind = KINDS.get(first)
    if (parts.length !== 4 || !kind) return undefined
    return { kind, key: new LockKey(second!, third!), ending: ending! }
  }

  /** The records of those who hold through Relukko. */
  static readonly records: KeyRange = withPrefix(`${KEYS_BASE_PATH}/${RECORDS}/`)

  /** Where it is said what Relukko's clients know of a holding; on its lease. */
  static record(uuid: string): string {
    return LockKey.records.key + uuid
  }

  /** All KeyLocks, holder keys and tickets under a prefix, in this order. */
  static allUnder(prefix: string): [KeyRange, KeyRange, KeyRange] {
    const under = (base: string): KeyRange => withPrefix(`${base}/${prefix}/`)
    return [
      under(KEYS_BASE_PATH),
      under(`${KEYS_BASE_PATH}/${HOLDERS}`),
      under(`${KEYS_BASE_PATH}/${ETCD_WRITER_LOCK_KEY}`),
    ]
  }

  /** All of these, and the markers of releases by force, under a prefix. */
  static toldUnder(prefix: string): KeyRange[] {
    return [...LockKey.allUnder(prefix), LockKey.markersUnder(prefix)]
  }

  static markersUnder(prefix: string): KeyRange {
    return withPrefix(`${KEYS_BASE_PATH}/${FORCED}/${prefix}/`)
  }

  ticket(uuid: string): string {
    const slot = slotOf(uuid)
    if (this.lastTicket.slot !== slot) this.lastTicket = { slot, path: this.tickets.key + slot }
    return this.lastTicket.path
  }

  holder(uuid: string): string {
    const slot = slotOf(uuid)
    // Of thousands that are listed, the ranges are not asked for.
    if (this.lastHolder.slot !== slot)
      this.lastHolder = { slot, path: (this.made?.holders.key ?? this.under(HOLDERS)) + slot }
    return this.lastHolder.path
  }

  /** The marker that says by whom it was released, or sent away, by force, and why. */
  forced(uuid: string): string {
    return this.markers.key + uuid
  }

  toString(): string {
    return this.path
  }

  /** The ranges are not needed for a while: they are most of what a holding would keep, and made again when they are asked for. */
  forgetRanges(): void {
    this.made = undefined
    this.lastTicket = this.lastHolder = NO_PATH
  }

  private get ranges(): Ranges {
    return (this.made ??= this.makeRanges())
  }

  private makeRanges(): Ranges {
    const below = (kind: string): Required<KeyRange> => withPrefix(this.under(kind))
    return { tickets: below(ETCD_WRITER_LOCK_KEY), holders: below(HOLDERS), markers: below(FORCED) }
  }

  private under(kind: string): string {
    return `${KEYS_BASE_PATH}/${kind}/${this.prefix}/${this.name}/`
  }
}

export interface ParsedKey {
  readonly kind: 'keyLocks' | 'holder' | 'ticket' | 'marker'
  readonly key: LockKey
  /**
   * What follows the name: a marker's id; the slot of a holder key or a ticket, or its id where that was made elsewhere ({@link idIn});
   * empty for a KeyLocks.
   */
  readonly ending: string
}

/** Whose holder key or ticket it is. What ends with a slot says in its value whose it is; all others end with the id. */
export function idIn({ key, value }: Pick<KeyValue, 'key' | 'value'>): string {
  const ending = key.slice(key.lastIndexOf('/') + 1)
  const id = value.startsWith(ID_BEFORE) ? value.slice(ID_BEFORE.length, ID_BEFORE.length + 36) : ending
  return slotOf(id) === ending ? id : ending
}

/** Whether it is this id's, where the key is: it says no other id. Somebody may have overwritten what it said. */
export function mayBeOf(kv: Pick<KeyValue, 'key' | 'value'>, id: string): boolean {
  const found = idIn(kv)
  return found === id || found === slotOf(id)
}

/** What the terms of a holder key or a ticket begin with where its key ends with a slot. */
const ID_BEFORE = '{"id":"'

const KINDS: ReadonlyMap<string, ParsedKey['kind']> = new Map([
  [HOLDERS, 'holder'],
  [ETCD_WRITER_LOCK_KEY, 'ticket'],
  [FORCED, 'marker'],
])
