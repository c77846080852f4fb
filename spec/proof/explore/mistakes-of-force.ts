import type { Transaction } from '../../../lib/kv/transaction.js'
import { keyOf } from './lock-names.js'
import { lax, leavingOut, type Mistake } from './mistake.js'
import { rules } from './rules.js'

const one = { concurrency: 1, ttl: 30 }
const two = { concurrency: 2, ttl: 30 }
const longOne = { concurrency: 1, ttl: 90 }
const { markers } = keyOf('x')

/** Known mistakes about forced releases, to prove that the search finds them. */
export const mistakesOfForce = {
  'an eviction deletes the ticket without its marker': {
    broken: { force: taking => [taking] },
    shows: { requests: [one, longOne], force: { client: 1 } },
    as: /is taken by force, and no marker tells of that/,
  },
  'a marker is left whether anything was taken or not': {
    broken: {
      force: (taking, marker) => [taking, { compare: [], success: [marker], failure: [marker] }],
    },
    shows: { requests: [one, one], force: { client: 0 } },
    as: /a marker tells that .* was taken by force, and it was not/,
  },
  'an eviction does not compare that the ticket stands': {
    broken: {
      force: (taking, marker) => rules.force(isEviction(taking) ? lax(taking, () => true) : taking, marker),
    },
    shows: { requests: [one, longOne], force: { client: 1 } },
    as: /a marker tells that .* was taken by force, and it was not/,
  },
  'a forced release does not compare the KeyLocks': {
    broken: {
      force: (taking, marker) =>
        rules.force(
          lax(taking, () => true),
          marker,
        ),
    },
    shows: { requests: [two, two], force: { client: 0 } },
    as: /a marker tells that .* was taken by force, and it was not/,
  },
  'a forced release takes the queue along': {
    broken: {
      force: (taking, marker) =>
        rules.force(
          { ...taking, success: [...taking.success, { type: 'delete', ...keyOf('x').tickets }] },
          marker,
        ),
    },
    shows: { requests: [one, longOne], force: { client: 0 } },
    as: /takes away the ticket of/,
  },
  'a waiter that is sent away does not look for the marker': {
    broken: { next: leavingOut('find-marker', { kind: 'unmarked' }) },
    shows: { requests: [one, one], force: { client: 1 } },
    as: /was taken by force, and comes back/,
  },
  'a waiter does not watch for the marker': {
    broken: {
      watchedBy: (...args) => rules.watchedBy(...args).filter(({ key }) => !key.startsWith(markers.key)),
    },
    shows: { requests: [one, longOne], force: { client: 1 } },
    as: /waits, and nobody tells it: blocked/,
  },
  'a marker tells a waiter nothing of its ticket': {
    broken: {
      applyEvent: (snapshot, event) =>
        event.type === 'put' && event.kv.key.startsWith(markers.key)
          ? snapshot
          : rules.applyEvent(snapshot, event),
    },
    shows: { requests: [one, longOne], force: { client: 1 } },
    as: /waits, and nobody tells it: blocked/,
  },
  'a forced release without an answer is taken for done when the holding is gone': {
    broken: { believesInLostAnswers: true },
    shows: { requests: [one, one], force: { client: 0 }, trouble: { losses: 1 } },
    as: /is told that it took .*, and no marker tells of that/,
  },
} satisfies Readonly<Record<string, Mistake>>

/** It changes no KeyLocks, whose revision it would compare. */
function isEviction({ compare }: Transaction): boolean {
  return compare.every(({ target }) => target === 'create')
}
