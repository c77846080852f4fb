import { IDLE } from '../../../lib/lock/engine/coordination.js'
import type { CoordinatorState } from '../../../lib/lock/engine/coordinator-state.js'
import { Line } from '../../../lib/lock/engine/line.js'
import { keyOf } from './lock-names.js'
import { StoreError } from '../../../lib/store/store-error.js'
import type { Intent } from '../../../lib/lock/engine/turn.js'
import { isTicket, lax, type Mistake, turnsWith } from './mistake.js'
import { rules } from './rules.js'

const { tickets } = keyOf('x')
const one = { concurrency: 1, ttl: 30 }
const two = { concurrency: 2, ttl: 30 }
const longOne = { concurrency: 1, ttl: 90 }
const REFUSAL = new StoreError('lease-not-found', 'so it is taken')
const crowd = { concurrency: 0, ttl: 30, process: 'p' }
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
    broken: {
      coordinate: (state, event, facts) => {
        const isOfSeveral = state.kind === 'sent' && state.turn.taken.length > 1
        const error = REFUSAL
        return rules.coordinate(
          state,
          event.kind === 'failure' && isOfSeveral ? { ...event, error } : event,
          facts,
        )
      },
    },
    shows: { requests: [together, together, { ...together, waits: false }], trouble: { losses: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'after a refusal all are sent again together': {
    broken: {
      coordinate: (state, event, facts) => {
        const next = rules.coordinate(state, event, facts)
        return event.kind === 'failure' ? { ...next, state: asIfNeverSent(next.state) } : next
      },
    },
    shows: {
      requests: [crowd, { ...crowd, waits: false }, { ...crowd, waits: false }],
      trouble: { ends: 1 },
    },
    as: /nothing that happens from here brings all to their end/,
  },
  'one whose time is over is taken for refused': {
    broken: {
      coordinate: (state, event, facts) => {
        const { effect, ...next } = rules.coordinate(state, event, facts)
        if (effect.kind !== 'give-up') return { ...next, effect }
        return { ...next, effect: { kind: 'fail', entries: effect.entries, error: REFUSAL } }
      },
    },
    shows: { requests: [together, together], trouble: { lates: 1 } },
    as: /waits, and nobody tells it/,
  },
  'a ride never ends': {
    broken: {
      coordinate: (state, event, facts) =>
        event.kind === 'ride-over'
          ? { state, effect: { kind: 'none' } }
          : rules.coordinate(state, event, facts),
    },
    shows: { requests: [together, together, one], trouble: { stops: 1 } },
    as: /nothing that happens from here brings all to their end/,
  },
  'what is under way is forgotten when the first that waits finds the lock free': {
    broken: {
      coordinate: (state, event, facts) =>
        rules.coordinate(event.kind === 'freed' && state.kind === 'sent' ? IDLE : state, event, facts),
    },
    shows: { requests: [together, together, together], trouble: { ends: 1 } },
    as: /waits for ever/,
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

function asIfNeverSent<E extends Intent>(state: CoordinatorState<E>): CoordinatorState<E> {
  if (state.kind !== 'answered') return state
  return { ...state, line: Line.of(state.line.entries.map(each => ({ ...each, isAlone: false }))) }
}
