import { LONGEST_TTL } from '../../model/ttl.js'
import { MOST_SECONDS } from '../../relukko/locks/inputs.js'

/** A JSON schema. */
export type Schema = Readonly<Record<string, unknown>>

const text = (description?: string): Schema => ({ type: 'string', ...(description && { description }) })
const nullable = (description?: string): Schema => ({ ...text(description), type: ['string', 'null'] })
const time = (description?: string): Schema => ({ ...text(description), format: 'date-time' })
const token: Schema = {
  type: ['string', 'null'],
  pattern: '^\\d+$',
  description: 'Grows with every grant of the name; null for an entry that was written by hand.',
}
const lockName = text("As Relukko's clients see it.")
const id: Schema = { ...text('What it is extended and released by.') }

export const ttl: Schema = {
  type: 'integer',
  minimum: 1,
  maximum: LONGEST_TTL,
  description: 'Seconds that it lasts.',
}
export const concurrency: Schema = {
  type: 'integer',
  minimum: 0,
  description: 'How many may hold at once; 0: any number.',
}
export const owner: Schema = { ...text('Name of the holder, for people.'), minLength: 1 }
/** Fractions count to the microsecond. */
export const seconds: Schema = { type: 'number', minimum: 0, maximum: MOST_SECONDS }

/** An object that has just these fields, all of which must be there but the optional ones. */
export function object(
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  const required = Object.keys(properties).filter(name => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

export function list(items: Schema): Schema {
  return { type: 'array', items }
}

/** One of {@link schemas}. */
export function named(name: keyof typeof schemas): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

export const schemas = {
  Relukko: object({
    id: { type: 'string', format: 'uuid' },
    lock_name: text('Any text; `/` and `%` stand percent-encoded in etcd.'),
    creator: nullable('Name of the holder, for people.'),
    ip: text('Address of the client that took it; 0.0.0.0 for one that was not taken through HTTP.'),
    expires_at: time('The holder must not rely on the lock from then on. It is free some minutes later.'),
    created_at: time(),
    updated_at: time('When it was written last.'),
  }),
  Change: {
    oneOf: ['created', 'updated', 'deleted'].map(what =>
      object({ [what]: { $ref: '#/components/schemas/Relukko' } }),
    ),
  },
  Lock: object(
    {
      prefix: text(),
      name: text('As it stands in etcd.'),
      lock_name: lockName,
      revision: {
        type: 'string',
        pattern: '^\\d+$',
        description:
          'Of etcd. What is said is not older than this; of two answers, the one with the larger is newer.',
      },
      holders: list({ $ref: '#/components/schemas/Holder' }),
      waiters: list({ $ref: '#/components/schemas/Waiter' }),
      problem: text('Why the value in etcd could not be read.'),
    },
    ['problem'],
  ),
  Holder: object(
    {
      id,
      owner: text('Name of the holder, for people. Empty where other software has written so.'),
      since: time('When it was taken.'),
      remaining: {
        type: 'number',
        minimum: 0,
        description:
          'Seconds that its lease lasts, as etcd tells, or as its ttl does where etcd was not asked (of more than 200 at once).',
      },
      renewed: {
        type: 'boolean',
        description: 'Whether its holder renews it, so that it may last for longer.',
      },
      concurrency: { ...concurrency, type: 'number' },
      ttl: { type: 'number', exclusiveMinimum: 0, description: ttl['description'] },
      fencing_token: token,
      creator: { ...nullable(), description: 'Of one that was taken through /v1; null when it named none.' },
      ip: text('Of one that was taken through /v1.'),
      created_at: time('Of one that was taken through /v1: since when it is held.'),
      expires_at: time('Of a lock that was taken through /v1: the holder must not rely on it from then on.'),
      expires_in: {
        type: 'number',
        description:
          'Seconds from now until expires_at; negative when it has passed. It blocks others for as long as `remaining` says.',
      },
    },
    ['creator', 'ip', 'created_at', 'expires_at', 'expires_in'],
  ),
  Waiter: object({
    id: text(),
    owner: nullable(),
    since: { ...time(), type: ['string', 'null'] },
    place: { type: 'integer', minimum: 1, description: 'In the queue.' },
  }),
  Granted: object({ prefix: text(), name: text(), id, fencing_token: { type: 'string', pattern: '^\\d+$' } }),
  Extended: object({ prefix: text(), name: text(), id: text(), ttl }),
  Released: object({ prefix: text(), name: text(), id: text(), released: { const: true } }),
  Event: object(
    {
      type: {
        enum: ['queued', 'gave-up', 'granted', 'changed', 'released', 'expired', 'forced', 'ended'],
        description: '`ended`: the holding, or the place in the queue, is gone, and it is not known why.',
      },
      prefix: text(),
      name: text('As it stands in etcd.'),
      lock_name: lockName,
      id: text(),
      owner: nullable(),
      revision: {
        type: 'string',
        pattern: '^\\d+$',
        description:
          'Of etcd; that of `granted` is the fencing token, what has `ended` did so then or later.',
      },
      by: text('Of `forced`: the name of who released it.'),
      reason: text('Of `forced`: why.'),
    },
    ['by', 'reason'],
  ),
  Message: object({
    status: { type: 'integer' },
    message: text('For people; names the field and what was expected.'),
  }),
}
