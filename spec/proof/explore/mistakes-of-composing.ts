import { keyOf } from './lock-names.js'
import { isTicket, lax, type Mistake, turnsWith } from './mistake.js'

const { tickets } = keyOf('x')
const one = { concurrency: 1, ttl: 30 }
const two = { concurrency: 2, ttl: 30 }
const longOne = { concurrency: 1, ttl: 90 }
const together = { ...one, process: 'p' }

/** Known mistakes about what a process sends in one transaction, and about what it knows of a queue, to prove that the search finds them. */
export const mistakesOfComposing = {
  'a request that joins is granted the lock without comparing that nobody waits': {
    broken: { nextTurn: turnsWith(transaction => lax(transaction, of => of.key === tickets.key)) },
    shows: { requests: [one, longOne, { ...two, times: 2 }] },
    as: /is granted before .*, whose ticket is older/,
  },
  'a ticket that a holder key tells of is handed the lock without comparing that it stands': {
    broken: { nextTurn: turnsWith(transaction => lax(transaction, of => isTicket(of.key) && !of.end)) },
    shows: { requests: [one, one, one], lists: 1, trouble: { stops: 1 } },
    as: /is granted before .*, whose ticket is older/,
  },
  'a transaction of several whose answer is lost is taken for refused': {
    broken: { repeatsLostTurns: true },
    shows: { requests: [together, together], trouble: { losses: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'a release of a holder that its process does not see is taken for done': {
    broken: { believesInOldViews: true },
    shows: { requests: [together, together], trouble: { losses: 1 } },
    as: /is told that it lost what it holds/,
  },
  'the first that waits of a process does not watch those before it': {
    broken: { firstWatches: false },
    shows: {
      requests: [
        { ...together, ttl: 90 },
        { ...together, ttl: 90 },
      ],
    },
    as: /waits, and nobody tells it/,
  },
} satisfies Readonly<Record<string, Mistake>>
