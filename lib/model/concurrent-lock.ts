import { v4 as uuid4 } from 'uuid'
import { InvalidLockError } from './errors.js'
import { INSPECT, type Inspect } from './printed.js'
import { shorten, describeValue } from './describe-value.js'
import { Timestamp } from './timestamp.js'
import { isTtl, TTL_EXPECTED } from './ttl.js'

/** The JSON of one holder: exactly these four fields, in this order. */
export interface ConcurrentLockDict {
  readonly concurrency: number
  readonly created: string
  readonly owner: string
  readonly ttl: number
}

export interface ConcurrentLockFields {
  /** How many may hold at once; 0 = any number, tracked. */
  readonly concurrency: number
  /** The holder's name, for people: usually `user@host [pid]`. */
  readonly owner: string
  /** Seconds that the lock is valid from `created` on. */
  readonly ttl: number
  /** Made up when not given. */
  readonly uuid?: string
  /** Now when not given. */
  readonly created?: Timestamp
}

type Field = keyof ConcurrentLockDict
type Rules = Readonly<Record<Field, readonly [expected: string, isValid: (value: unknown) => boolean]>>

const CREATED = 'a time like 2023-07-16 16:46:52.161053+00:00'

/** What this software writes. */
const OURS: Rules = {
  concurrency: ['a non-negative integer', value => Number.isSafeInteger(value) && (value as number) >= 0],
  created: [CREATED, value => isTime(value, text => Timestamp.parse(text))],
  owner: [
    'a non-empty string of well-formed Unicode',
    value => typeof value === 'string' && value !== '' && value.isWellFormed(),
  ],
  ttl: [TTL_EXPECTED, isTtl],
}

/** What Spicerack reads; other software, and people, may have written it. */
const READABLE: Rules = {
  concurrency: ['a non-negative number', value => Number.isFinite(value) && (value as number) >= 0],
  created: [CREATED, value => isTime(value, text => Timestamp.read(text))],
  owner: ['a string', value => typeof value === 'string'],
  ttl: ['a positive number of seconds', value => Number.isFinite(value) && (value as number) > 0],
}

/** One holder of a lock: an entry of its {@link KeyLocks}. */
export class ConcurrentLock {
  readonly concurrency: number
  readonly owner: string
  readonly ttl: number
  readonly uuid: string
  private since: Timestamp
  /** The `created` that was found, where it lies in no year that can be printed: it is written back as it was. */
  private found: string | undefined

  /** @throws InvalidLockError naming the field, its value and what was expected. */
  constructor(fields: ConcurrentLockFields) {
    const { concurrency, owner, ttl, uuid = uuid4(), created = Timestamp.now() } = fields
    check(uuid, { concurrency, owner, ttl, created: written(created) }, OURS)
    if (uuid === '') throw invalid('uuid', uuid, 'a non-empty string')
    if (Timestamp.now().isBefore(created))
      throw invalid('created', String(created), 'a time that is not in the future')
    this.concurrency = concurrency
    this.owner = owner
    this.ttl = ttl
    this.uuid = uuid
    this.since = created
  }

  /**
   * The lock that was found in etcd: whatever Spicerack reads, which is more than is written here. A ttl may have a fraction
   * and the owner may be empty. Its `created` may lie in the future: another host's clock may run ahead.
   * @throws InvalidLockError
   */
  static fromDict(uuid: string, dict: unknown): ConcurrentLock {
    check(uuid, dict, READABLE)
    const { created, ...fields } = dict
    const time = Timestamp.read(created)
    const lock = ConcurrentLock.of({ ...fields, uuid }, time.printable)
    if (!time.equals(lock.since)) lock.found = created
    return lock
  }

  /**
   * The lock that is to be written to etcd, as held since `created` by the clock of the caller's host.
   * @throws InvalidLockError
   */
  static toWrite(
    uuid: string,
    { created, ...fields }: Omit<ConcurrentLockDict, 'created'> & { readonly created: Timestamp },
  ): ConcurrentLock {
    check(uuid, { ...fields, created: written(created) }, OURS)
    return ConcurrentLock.of({ ...fields, uuid }, created)
  }

  private static of(
    fields: Pick<ConcurrentLock, 'concurrency' | 'owner' | 'ttl' | 'uuid'>,
    since: Timestamp,
  ): ConcurrentLock {
    const lock = Object.create(ConcurrentLock.prototype) as ConcurrentLock
    return Object.assign(lock, fields, { since, found: undefined })
  }

  /** When the holding began, by the clock of its host. */
  get created(): Timestamp {
    return this.since
  }

  /** No later than the last time that can be printed. */
  get expiresAt(): Timestamp {
    return this.since.plusSeconds(this.ttl).printable
  }

  updateCreated(now: Timestamp = Timestamp.now()): void {
    this.since = now
    this.found = undefined
  }

  toDict(): ConcurrentLockDict {
    const { concurrency, owner, ttl, found } = this
    return { concurrency, created: found ?? String(this.since), owner, ttl }
  }

  /** For `JSON.stringify`. What goes to etcd is {@link toDict}. */
  toJSON(): { readonly uuid: string } & ConcurrentLockDict {
    return { uuid: this.uuid, ...this.toDict() }
  }

  toString(): string {
    return JSON.stringify(this.toDict())
  }

  [INSPECT](_depth: number, options: unknown, inspect: Inspect): string {
    return `ConcurrentLock ${inspect(this.toJSON(), options)}`
  }
}

function check(uuid: unknown, dict: unknown, rules: Rules): asserts dict is ConcurrentLockDict {
  if (typeof dict !== 'object' || dict === null || Array.isArray(dict)) {
    throw new InvalidLockError(
      `Unable to create concurrent lock, expected an object, got ${describeValue(dict)}.`,
    )
  }
  const values = dict as Readonly<Record<string, unknown>>
  for (const [field, [expected, isValid]] of Object.entries(rules)) {
    if (!isValid(values[field])) throw invalid(field, values[field], expected)
  }
  const unknown = Object.keys(values).find(field => !Object.hasOwn(rules, field))
  if (unknown !== undefined) {
    throw invalid(unknown, values[unknown], `one of ${Object.keys(rules).join(', ')}`)
  }
  if (typeof uuid !== 'string') throw invalid('uuid', uuid, 'a non-empty string')
}

function written(created: unknown): string {
  if (!(created instanceof Timestamp)) throw invalid('created', created, 'a Timestamp')
  try {
    return String(created)
  } catch (cause) {
    throw invalid('created', `${created.epochMicros} µs`, 'a time in the years 1 to 9999', cause)
  }
}

function isTime(value: unknown, read: (text: string) => Timestamp): boolean {
  if (typeof value !== 'string') return false
  try {
    read(value)
    return true
  } catch {
    return false
  }
}

function invalid(field: string, value: unknown, wanted: string, cause?: unknown): InvalidLockError {
  return new InvalidLockError(
    `Unable to create concurrent lock, argument '${shorten(field)}' must be ${wanted}, got ${describeValue(value)}.`,
    { cause },
  )
}
