import { Ajv, type ErrorObject } from 'ajv'
import { v4 as uuid4 } from 'uuid'
import { InvalidLockError } from './errors.js'
import { shorten, shown } from './shown.js'
import { Timestamp } from './timestamp.js'
import { LONGEST_TTL, TTL_EXPECTED } from './ttl.js'

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
  /** Who holds, for people: usually `user@host [pid]`. */
  readonly owner: string
  /** Seconds that the lock is valid from `created` on. */
  readonly ttl: number
  /** Made up when not given. */
  readonly uuid?: string
  /** Now when not given. */
  readonly created?: Timestamp
}

const schema = {
  type: 'object',
  properties: {
    concurrency: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    created: { type: 'string' },
    owner: { type: 'string', minLength: 1 },
    ttl: { type: 'integer', minimum: 1, maximum: LONGEST_TTL },
  },
  required: ['concurrency', 'created', 'owner', 'ttl'],
  additionalProperties: false,
}
const expected: Record<string, string> = {
  concurrency: 'a non-negative integer',
  created: 'a time like 2023-07-16 16:46:52.161053+00:00',
  owner: 'a non-empty string of well-formed Unicode',
  ttl: TTL_EXPECTED,
  uuid: 'a non-empty string',
}
const validate = new Ajv().compile<ConcurrentLockDict>(schema)

/** One holder of a lock. */
export class ConcurrentLock {
  readonly concurrency: number
  readonly owner: string
  readonly ttl: number
  readonly uuid: string
  private since: Timestamp

  /** @throws InvalidLockError naming the field, its value and what was expected. */
  constructor(fields: ConcurrentLockFields) {
    const { concurrency, owner, ttl, uuid = uuid4(), created = Timestamp.now() } = fields
    check(uuid, { concurrency, owner, ttl, created: written(created) })
    if (Timestamp.now().isBefore(created))
      throw invalid('created', String(created), 'a time that is not in the future')
    this.concurrency = concurrency
    this.owner = owner
    this.ttl = ttl
    this.uuid = uuid
    this.since = created
  }

  /**
   * The lock that was found in etcd. Its `created` may lie in the future: another host's clock may run ahead.
   * @throws InvalidLockError
   */
  static fromDict(uuid: string, dict: unknown): ConcurrentLock {
    check(uuid, dict)
    const { created, ...fields } = dict
    const lock = new ConcurrentLock({ ...fields, uuid, created: new Timestamp(0n) })
    lock.since = parseCreated(created)
    return lock
  }

  /** When the holding began, by the clock of its host. */
  get created(): Timestamp {
    return this.since
  }

  get expiresAt(): Timestamp {
    return this.since.plusSeconds(this.ttl)
  }

  updateCreated(now: Timestamp = Timestamp.now()): void {
    this.since = now
  }

  toDict(): ConcurrentLockDict {
    return { concurrency: this.concurrency, created: String(this.since), owner: this.owner, ttl: this.ttl }
  }

  toString(): string {
    return JSON.stringify(this.toDict())
  }
}

function check(uuid: unknown, dict: unknown): asserts dict is ConcurrentLockDict {
  if (!validate(dict)) throw invalidBy(validate.errors![0]!, dict)
  if (!dict.owner.isWellFormed()) throw invalid('owner', dict.owner)
  if (typeof uuid !== 'string' || uuid === '') throw invalid('uuid', uuid)
}

function written(created: unknown): string {
  if (!(created instanceof Timestamp)) throw invalid('created', created, 'a Timestamp')
  try {
    return String(created)
  } catch (cause) {
    throw invalid('created', `${created.epochMicros} µs`, 'a time in the years 1 to 9999', cause)
  }
}

function parseCreated(text: string): Timestamp {
  try {
    return Timestamp.parse(text)
  } catch (cause) {
    throw invalid('created', text, undefined, cause)
  }
}

function invalidBy({ keyword, instancePath, params }: ErrorObject, dict: unknown): InvalidLockError {
  if (keyword === 'required') return invalid(String(params['missingProperty']), undefined)
  if (keyword === 'additionalProperties') {
    const field = String(params['additionalProperty'])
    return invalid(
      field,
      (dict as Record<string, unknown>)[field],
      `one of ${Object.keys(schema.properties).join(', ')}`,
    )
  }
  const field = instancePath.slice(1)
  if (field === '') {
    return new InvalidLockError(`Unable to create concurrent lock, expected an object, got ${shown(dict)}.`)
  }
  return invalid(field, (dict as Record<string, unknown>)[field])
}

function invalid(field: string, value: unknown, wanted = expected[field], cause?: unknown): InvalidLockError {
  return new InvalidLockError(
    `Unable to create concurrent lock, argument '${shorten(field)}' must be ${wanted}, got ${shown(value)}.`,
    { cause },
  )
}
