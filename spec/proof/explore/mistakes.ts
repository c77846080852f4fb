import { keyOf } from './lock-names.js'
import {
  asForeign,
  each,
  emptied,
  foreign,
  isTicket,
  lax,
  leavingOut,
  type Mistake,
  turnsFrom,
  turnsWith,
  unlimited,
  withoutKeyLocks,
} from './mistake.js'
import { rules } from './rules.js'

const key = keyOf('x')
const one = { concurrency: 1, ttl: 30 }
const two = { concurrency: 2, ttl: 30 }
/** Is not handed the lock: it takes it by itself. */
const longOne = { concurrency: 1, ttl: 90 }

/** Known mistakes about one lock, to prove that the search finds them. */
export const mistakes = {
  'a waiter does not watch the ticket before its own': {
    broken: { watchedBy: (...args) => rules.watchedBy(...args).filter(range => !isTicket(range.key)) },
    shows: { requests: [one, longOne, longOne] },
    as: /waits, and nobody tells it that it is first/,
  },
  'the first waiter watches nothing': {
    broken: { watchedBy: (...args) => rules.watchedBy(...args).filter(range => !isFirstWatch(range.key)) },
    shows: { requests: [one, longOne] },
    as: /waits, and nobody tells it: grant/,
  },
  'nothing is read after a watch stands': {
    broken: { looksAfterWatch: false },
    shows: { requests: [one, one] },
    as: /waits, and nobody tells it: held/,
  },
  'handing over without comparing that the ticket stands': {
    broken: {
      nextTurn: turnsWith(transaction => lax(transaction, of => isTicket(of.key) && !of.end)),
    },
    shows: { requests: [one, one], trouble: { stops: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'giving up compares and reads nothing': {
    broken: {
      giveUp: (...args) => {
        const plan = rules.giveUp(...args)
        return plan && { compare: [], success: plan.success.filter(op => op.type === 'delete'), failure: [] }
      },
    },
    shows: { requests: [one, one], trouble: { stops: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'a grant does not compare who is first': {
    broken: {
      grant: (...args) => rules.grant(...args).map(plan => lax(plan, of => of.key === key.tickets.key)),
      nextTurn: turnsWith(transaction => lax(transaction, of => of.key === key.tickets.key)),
    },
    shows: { requests: [one, longOne, one] },
    as: /is granted before .*, whose ticket is older/,
  },
  'a grant compares neither the KeyLocks nor the holder keys': {
    broken: {
      grant: (...args) =>
        rules.grant(...args).map(plan => lax(plan, of => [key.path, key.holders.key].includes(of.key))),
      nextTurn: turnsWith(transaction =>
        lax(transaction, of => [key.path, key.holders.key].includes(of.key)),
      ),
    },
    shows: { requests: [two, two, { ...two, ttl: 90 }] },
    as: /has a holder key and no entry/,
  },
  'the limits of those who hold do not count': {
    broken: {
      decide: (targets, now) => rules.decide(each(targets, unlimited), now),
      grant: (locks, now) => rules.grant(each(locks, unlimited), now),
      nextTurn: turnsFrom(unlimited),
    },
    shows: { requests: [one, two] },
    as: /2 holder keys where 1 may be/,
  },
  'a grant drops the entries of others': {
    broken: {
      decide: (targets, now) => rules.decide(each(targets, emptied), now),
      grant: (locks, now) => rules.grant(each(locks, emptied), now),
      nextTurn: turnsFrom(emptied),
    },
    shows: { requests: [one, one] },
    as: /takes away the holder key of/,
  },
  'an entry whose holder key is gone is waited for until its time is over': {
    broken: {
      decide: (targets, now) =>
        rules.decide(
          targets.map(({ snapshot, terms: { uuid, concurrency } }) => ({
            snapshot: foreign(snapshot),
            terms: { uuid: asForeign(uuid), concurrency },
          })),
          now,
        ),
    },
    shows: { requests: [two, { ...two, ttl: 90 }], byHand: 2, trouble: { ends: 1 } },
    as: /waits, and nobody tells it: grant/,
  },
  'a client that cannot be granted tries for ever': {
    broken: {
      decide: (targets, now) => rules.decide(each(targets, withoutKeyLocks), now),
      grant: (locks, now) => rules.grant(each(locks, withoutKeyLocks), now),
    },
    shows: { requests: [two], byHand: 2 },
    as: /nothing that happens from here brings all to their end/,
  },
  'the token is that of a read': {
    broken: {
      applyEvent: (snapshot, event) => {
        const put = event.type === 'put' ? { ...event, kv: { ...event.kv, createRevision: 99n } } : event
        return rules.applyEvent(snapshot, put)
      },
    },
    shows: { requests: [one, two] },
    as: /believes that its token is/,
  },
  'a grant without an answer is sent again blindly': {
    broken: {
      next: (state, event, facts) => {
        const isBlind = event.kind === 'go' && state.phase === 'sent'
        return rules.next(isBlind ? { ...state, phase: 'guessing' } : state, event, facts)
      },
    },
    shows: { requests: [one, one], trouble: { losses: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'a grant that may still come is forgotten': {
    broken: { next: leavingOut('revoke', { kind: 'revoked' }) },
    shows: { requests: [one, one], trouble: { losses: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
} satisfies Readonly<Record<string, Mistake>>

function isFirstWatch(path: string): boolean {
  return path === key.path || path === key.holders.key
}
