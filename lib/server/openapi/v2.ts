import { inPath, inQuery, type Operation, operation, WAIT } from './operation.js'
import { concurrency, list, named, object, owner, ttl } from './schemas.js'

const tag = 'The whole model'
const STEPS =
  'One that is `.` or `..` is given with `%2F` in front of it, since a URL takes it for a step in its path.'
const LOCK = [inPath('prefix', 'Under which the lock lives.'), inPath('name', `Of the lock. ${STEPS}`)]
const REVISION = {
  description: 'Of etcd, than which the list is not older.',
  schema: { type: 'string', pattern: '^\\d+$' },
}
const HOLDING = [...LOCK, inPath('id', `Of the holder or waiter. ${STEPS}`)]

/** The locks of all prefixes, with their queues, limits and events. */
export const v2: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/v2/locks': {
    get: operation({
      summary: 'All locks that have a holder or a waiter',
      tag,
      parameters: [inQuery('prefix', 'Only those under this one.')],
      answers: { 200: ['The locks.', list(named('Lock')), { 'X-Revision': REVISION }] },
      errors: [400, 404],
    }),
  },
  '/v2/locks/{prefix}/{name}': {
    get: operation({
      summary: 'The holders and waiters of a lock',
      tag,
      parameters: LOCK,
      answers: { 200: ['The lock.', named('Lock')] },
      errors: [400, 404],
    }),
    post: operation({
      summary: 'Take a lock',
      tag,
      parameters: [...LOCK, WAIT],
      body: object(
        {
          owner: {
            ...owner,
            description: 'Name of the holder, for people; the name of the API key when not given.',
          },
          concurrency: { ...concurrency, default: 1 },
          ttl: { ...ttl, default: 30 },
        },
        ['owner', 'concurrency', 'ttl'],
      ),
      answers: { 201: ['It is held.', named('Granted')] },
      errors: [400, 404, 409, 410],
    }),
  },
  '/v2/locks/{prefix}/{name}/{id}': {
    put: operation({
      summary: 'Let a holding last so many seconds from now, or more',
      description:
        'It never ends sooner than its holder was promised: `ttl` is what it has now. 409: its holder renews it by itself, and only ' +
        'the holder can make it last longer.',
      tag,
      parameters: HOLDING,
      body: object({ ttl }),
      answers: { 200: ['It lasts.', named('Extended')] },
      errors: [400, 404, 409],
    }),
    delete: operation({
      summary: 'Release a holding; with a reason by force, or evict a waiter',
      tag,
      parameters: [
        ...HOLDING,
        inQuery('reason', 'Told to the holder or waiter, with the name of the API key.'),
      ],
      answers: { 200: ['It is released.', named('Released')] },
      errors: [400, 404],
    }),
  },
  '/v2/events': {
    get: operation({
      summary: 'What happens to locks, as server-sent events',
      description:
        'After an event `ready` nothing is missed. The id of each event is its revision. An event `heartbeat`, every 15 s, ' +
        'tells that the server is there, and whether etcd answers it: `{"etcd": true}`. The stream of one who is signed ' +
        'in to the page ends with the session.',
      tag,
      parameters: [inQuery('prefix', 'Only of locks under this one.'), inQuery('name', 'Only of this lock.')],
      answers: {
        200: [
          'The data of each event that has no name is an Event.',
          { type: 'string', contentMediaType: 'text/event-stream' },
        ],
      },
      errors: [400, 404],
    }),
  },
}
