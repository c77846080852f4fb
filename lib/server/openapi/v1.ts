import { inPath, type Operation, operation, type Parameter, WAIT } from './operation.js'
import { list, named, object, type Schema, seconds } from './schemas.js'

const tag = 'Relukko'
const ID = inPath('id', 'Of the lock.')
const relukko = named('Relukko')
const tokenHeader: Schema = {
  'X-Fencing-Token': { description: 'The fencing token.', schema: { type: 'string', pattern: '^\\d+$' } },
}

const IDEMPOTENCY_KEY: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'Of the client’s making, new for each lock. A call with the key and the name of an earlier one, whose answer was lost, is given the lock that it has taken.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

const onLock = (summary: string, body?: Schema): Operation =>
  operation({
    summary,
    tag,
    parameters: [ID],
    ...(body && { body }),
    answers: { 200: ['The lock.', relukko] },
    errors: body ? [400, 422] : [422],
  })

/** What Relukko's clients use. */
export const v1: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/v1/locks': {
    post: operation({
      summary: 'Take a lock',
      description:
        'It expires after `ttl` seconds, ten minutes when not given, unless it is kept alive; and is free three minutes later, unless the server says otherwise.',
      tag,
      parameters: [WAIT, IDEMPOTENCY_KEY],
      body: object(
        {
          lock_name: { type: 'string', minLength: 1 },
          creator: { type: ['string', 'null'], description: 'Name of the holder, for people.' },
          ttl: { ...seconds, description: 'Seconds until it expires.', default: 600 },
        },
        ['creator', 'ttl'],
      ),
      answers: { 201: ['It is held.', relukko, tokenHeader] },
      errors: [400, 409, 410],
    }),
    get: operation({ summary: 'All locks', tag, answers: { 200: ['The locks.', list(relukko)] } }),
  },
  '/v1/locks/{id}': {
    get: onLock('One lock'),
    put: onLock(
      'Change its creator, or when it expires',
      object(
        {
          creator: { type: ['string', 'null'], description: 'null: as it was.' },
          expires_at: { type: ['string', 'null'], format: 'date-time', description: 'null: as it was.' },
        },
        ['creator', 'expires_at'],
      ),
    ),
    delete: onLock('Release it'),
  },
  '/v1/locks/{id}/keep_alive': {
    get: onLock('Let it expire in five minutes'),
    put: onLock('Let it expire in so many seconds', object({ seconds })),
  },
  '/v1/locks/{id}/add_to_expire_at': {
    get: onLock('Let it expire five minutes later'),
    put: onLock('Let it expire so many seconds later', object({ seconds })),
  },
  '/ws/broadcast': {
    get: operation({
      summary: 'A WebSocket that tells every change of a lock',
      description: 'One text frame for each change, whichever server it was made through.',
      tag,
      answers: { 101: ['Each frame:', named('Change')] },
    }),
  },
}
