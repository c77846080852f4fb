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

const FIELDS: readonly string[] = ['concurrency', 'created', 'owner', 'ttl']

/** What a field must be, in words, and whether it is; of `created` it is told which time it is. */
type Rule = readonly [
  field: keyof ConcurrentLockDict,
  expected: string,
  isValid: (value: unknown, created: Timestamp | undefined) => boolean,
]

/** What this software writes. */
const OURS: readonly Rule[] = [
  ['concurrency', 'a non-negative integer', value => Number.isSafeInteger(value) && (value as number) >= 0],
  [
    'owner',
    'a non-empty string of well-formed Unicode',
    value => typeof value === 'string' && value !== '' && value.isWellFormed(),
  ],
  ['ttl', TTL_EXPECTED, isTtl],
]

/** What Spicerack reads; other software, and people, may have written it. */
const READABLE: readonly Rule[] = [
  ['concurrency', 'a non-negative number', value => Number.isFinite(value) && (value as number) >= 0],
  ['created', 'a time like 2023-07-16 16:46:52.161053+00:00', (_value, created) => created !== undefined],
  ['owner', 'a string', value => typeof value === 'string'],
  ['ttl', 'a positive number of seconds', value => Number.isFinite(value) && (value as number) > 0],
]

type Writable<T, Field extends keyof T> = { -readonly [Each in Field]: T[Each] }

/** One holder of a lock: an entry of its {@link KeyLocks}. */
export class ConcurrentLock {
  readonly concurrency: number
  readonly owner: string
  readonly ttl: number
  readonly uuid: string
  private since: Timestamp
  /** The `created` that was found, where it lies in no year that can be printed: it is written back as it was. */
  private found: string | undefined
  /** Its JSON, without the braces: it is written again and again while it is held. */
  private printed: string | undefined

  /** @throws InvalidLockError naming the field, its value and what was expected. */
  constructor(fields: ConcurrentLockFields) {
    const { concurrency, owner, ttl, uuid = uuid4(), created = Timestamp.now() } = fields
    checkWritable(created)
    check(uuid, fields, OURS)
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
   * Checks what is to be written.
   * @throws InvalidLockError as the constructor.
   * @internal
   */
  static check(fields: Pick<ConcurrentLock, 'concurrency' | 'owner' | 'ttl'>): void {
    check('new', fields, OURS)
  }

  /**
   * The lock that was found in etcd: whatever Spicerack reads, which is more than is written here. A ttl may have a fraction
   * and the owner may be empty. Its `created` may lie in the future: another host's clock may run ahead.
   * @throws InvalidLockError
   */
  static fromDict(uuid: string, dict: unknown): ConcurrentLock {
    if (typeof dict !== 'object' || dict === null || Array.isArray(dict)) {
      throw new InvalidLockError(
        `Unable to create concurrent lock, expected an object, got ${describeValue(dict)}.`,
      )
    }
    const fields = dict as ConcurrentLockDict
    const time = timeOf(fields.created)
    check(uuid, fields, READABLE, time)
    const unknown = Object.keys(dict).find(field => !FIELDS.includes(field))
    if (unknown !== undefined) {
      throw invalid(unknown, dict[unknown as keyof object], `one of ${FIELDS.join(', ')}`)
    }
    const since = time!.printable
    return ConcurrentLock.of(uuid, fields, since, time === since ? undefined : fields.created)
  }

  /**
   * The lock that is to be written to etcd, as held since `created` by the clock of the caller's host.
   * @throws InvalidLockError
   */
  static toWrite(
    uuid: string,
    fields: Omit<ConcurrentLockDict, 'created'> & { readonly created: Timestamp },
  ): ConcurrentLock {
    checkWritable(fields.created)
    check(uuid, fields, OURS)
    return ConcurrentLock.of(uuid, fields, fields.created)
  }

  private static of(
    uuid: string,
    { concurrency, owner, ttl }: Pick<ConcurrentLock, 'concurrency' | 'owner' | 'ttl'>,
    since: Timestamp,
    found?: string,
  ): ConcurrentLock {
    const lock = Object.create(ConcurrentLock.prototype) as ConcurrentLock
    // One by one: some are made for each lock that is taken, and `Object.assign` takes longer than all the rest of it.
    const terms: Writable<ConcurrentLock, 'concurrency' | 'owner' | 'ttl' | 'uuid'> = lock
    terms.concurrency = concurrency
    terms.owner = owner
    terms.ttl = ttl
    terms.uuid = uuid
    lock.since = since
    lock.found = found
    lock.printed = undefined
    return lock
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
    this.printed = undefined
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
    return `{${this.fields}}`
  }

  /**
   * As `toString`, without the braces: a holder key and a ticket tell more.
   * @internal
   */
  get fields(): string {
    return (this.printed ??= JSON.stringify(this.toDict()).slice(1, -1))
  }

  [INSPECT](_depth: number, options: unknown, inspect: Inspect): string {
    return `ConcurrentLock ${inspect(this.toJSON(), options)}`
  }
}

function check(
  uuid: unknown,
  fields: Partial<Readonly<Record<keyof ConcurrentLockDict, unknown>>>,
  rules: readonly Rule[],
  created?: Timestamp,
): void {
  for (const [field, expected, isValid] of rules) {
    if (!isValid(fields[field], created)) throw invalid(field, fields[field], expected)
  }
  if (typeof uuid !== 'string') throw invalid('uuid', uuid, 'a non-empty string')
}

function checkWritable(created: unknown): void {
  if (!(created instanceof Timestamp)) throw invalid('created', created, 'a Timestamp')
  if (created.printable !== created) {
    throw invalid('created', `${created.epochMicros} µs`, 'a time in the years 1 to 9999')
  }
}

function timeOf(text: unknown): Timestamp | undefined {
  try {
    return typeof text === 'string' ? Timestamp.read(text) : undefined
  } catch {
    return undefined
  }
}

function invalid(field: string, value: unknown, wanted: string): InvalidLockError {
  return new InvalidLockError(
    `Unable to create concurrent lock, argument '${shorten(field)}' must be ${wanted}, got ${describeValue(value)}.`,
  )
}
