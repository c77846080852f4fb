import { type KeyRange, withPrefix } from '../kv/key-value.js'
import { ETCD_WRITER_LOCK_KEY, KEYS_BASE_PATH } from '../model/constants.js'

const HOLDERS = 'holders'
const RECORDS = 'relukko'

/** What may not be a prefix, because other keys live there. */
export const RESERVED_PREFIXES: readonly string[] = [ETCD_WRITER_LOCK_KEY, HOLDERS, RECORDS]

/** Where the keys of one lock live. Prefix and name hold no `/`, so no lock reaches into another's keys. */
export class LockKey {
  /** Key of the KeyLocks. */
  readonly path: string
  /** The tickets of those who wait; by creation, they are the queue. */
  readonly tickets: KeyRange
  readonly holders: KeyRange

  constructor(
    readonly prefix: string,
    readonly name: string,
  ) {
    this.path = `${KEYS_BASE_PATH}/${prefix}/${name}`
    this.tickets = withPrefix(`${KEYS_BASE_PATH}/${ETCD_WRITER_LOCK_KEY}/${prefix}/${name}/`)
    this.holders = withPrefix(`${KEYS_BASE_PATH}/${HOLDERS}/${prefix}/${name}/`)
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

  ticket(uuid: string): string {
    return this.tickets.key + uuid
  }

  holder(uuid: string): string {
    return this.holders.key + uuid
  }

  toString(): string {
    return this.path
  }
}
