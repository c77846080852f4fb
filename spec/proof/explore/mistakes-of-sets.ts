import type { Transaction } from '../../../lib/kv/transaction.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Asked, Left } from '../../../lib/protocol/set-hand-over.js'
import type { AcquireRequest } from './client.js'
import { type Mistake } from './mistake.js'
import { nothingOf } from './lock-names.js'
import { rules } from './rules.js'

const both: AcquireRequest = { concurrency: 1, ttl: 30, locks: ['x', 'y'] }
const reversed: AcquireRequest = { concurrency: 1, ttl: 30, locks: ['y', 'x'] }
const beyond: AcquireRequest = { concurrency: 1, ttl: 30, locks: ['y', 'z'] }
const together = (request: AcquireRequest): AcquireRequest => ({ ...request, process: 'p' })
const one = { concurrency: 1, ttl: 30 }
const nothing: Transaction = { compare: [], success: [], failure: [] }

/** Known mistakes about several locks at once, to prove that the search finds them. */
export const mistakesOfSets = {
  'a set takes its locks one after the other': {
    broken: {
      decide: (targets, now) =>
        rules.decide(
          next(targets, ({ terms }) => terms.uuid),
          now,
        ),
      watchedBy: (targets, now) =>
        rules.watchedBy(
          next(targets, ({ terms }) => terms.uuid),
          now,
        ),
      grant: (locks, now) => {
        const [wanted] = next(locks, ({ request }) => request.uuid)
        return locks.map(lock => (lock === wanted ? rules.grant([lock], now)[0]! : nothing))
      },
    },
    shows: { requests: [both, reversed] },
    as: /is granted a part of what it asks for, without y/,
  },
  'a set queues up for one lock after the other': {
    broken: {
      next: (state, event, facts) => {
        const { state: after, effect } = rules.next(state, event, facts)
        if (effect.kind !== 'give-up' || after.goal === 'leave') return { state: after, effect }
        const from = after.snapshots.map(({ key, tickets }) => ({ ...nothingOf(key), tickets }))
        return { state: { ...after, phase: 'sent' }, effect: { kind: 'grant', from } }
      },
      grant: (locks, now) => {
        const isNew = locks.find(({ snapshot, request }) => !snapshot.tickets.has(request.uuid))
        return rules
          .grant(locks, now)
          .map((plan, at) => (isNew && locks[at] !== isNew ? withoutPuts(plan) : plan))
      },
    },
    shows: { requests: [both, reversed] },
    as: /has tickets of different revisions/,
  },
  'the ticket of a set names a lease, so that it is handed a single lock': {
    broken: {
      grant: (locks, now) =>
        rules.grant(
          locks.map(({ snapshot, request }) => ({ snapshot, request: { ...request, handoffAllowed: true } })),
          now,
        ),
    },
    shows: { requests: [one, both] },
    as: /is granted a part of what it asks for, without/,
  },
  'a set compares the first of its locks only': {
    broken: { combine: parts => ({ ...rules.combine(parts), compare: parts[0]!.compare }) },
    shows: { requests: [both, { ...one, locks: ['y'] }] },
    as: /takes away the holder key of|has a holder key and no entry|holder keys where 1 may be/,
  },
  'a release hands a set the locks that it leaves, and no others': {
    broken: {
      handOverSets: (left, ...args) => {
        const { granted, locks } = rules.handOverSets(left, ...args)
        return { granted, locks: locks.slice(0, left.length) }
      },
    },
    shows: { requests: [together(both), together(beyond)] },
    as: /is granted a part of what it asks for, without z/,
  },
  'a release hands over to a set without looking who waits before it': {
    broken: {
      handOverSets: (left, uuid, waiting, ...args) => {
        const alone = waiting.map(set => set.map(asked => ({ ...asked, snapshot: onlyWith(asked) })))
        const blind = left.map(({ snapshot, transaction }) => {
          const asked = alone.flat().find(each => each.snapshot.key === snapshot.key)
          return { snapshot: asked?.snapshot ?? snapshot, transaction }
        })
        const { granted, locks } = rules.handOverSets(blind, uuid, alone, ...args)
        return { granted, locks: locks.map(withoutOrder) }
      },
    },
    shows: { requests: [together(both), together(beyond), { ...one, locks: ['y'] }] },
    as: /is granted before .*, whose ticket is older/,
  },
  'a set whose tickets travelled with a release that was not answered joins anew': {
    broken: { ridersTrustSilence: true },
    shows: { requests: [together(both), together(reversed)], trouble: { losses: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'a set watches the first of its queues only': {
    broken: { watchedBy: (targets, now) => rules.watchedBy(targets.slice(0, 1), now) },
    shows: { requests: [both, reversed] },
    as: /waits, and nobody tells it: grant/,
  },
} satisfies Readonly<Record<string, Mistake>>

function onlyWith({ snapshot, request }: Asked): Snapshot {
  const own = [...snapshot.tickets].filter(([id]) => id === request.uuid)
  return { ...snapshot, tickets: new Map(own) }
}

function withoutOrder({ snapshot, transaction }: Left): Left {
  const compare = transaction.compare.filter(({ target, is }) => target !== 'create' || is !== '>')
  return { snapshot, transaction: { ...transaction, compare } }
}

/** The first lock that is not held yet; the last when all are. */
function next<T extends { readonly snapshot: Snapshot }>(
  locks: readonly T[],
  idOf: (lock: T) => string,
): [T] {
  return [locks.find(lock => !lock.snapshot.holders.has(idOf(lock))) ?? locks.at(-1)!]
}

function withoutPuts({ failure, ...plan }: Transaction): Transaction {
  return { ...plan, failure: failure.filter(({ type }) => type !== 'put') }
}
