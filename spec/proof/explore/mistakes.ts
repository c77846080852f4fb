import type { Compare, Transaction } from '../../../lib/kv/transaction.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Configuration } from './configuration.js'
import { key } from './etcd.js'
import { type Rules, rules } from './rules.js'

/** A rule that is broken, and where that shows. */
export interface Mistake {
  readonly broken: Partial<Rules>
  readonly shows: Configuration
  /** What is found. */
  readonly as: RegExp
}

const one = { concurrency: 1, ttl: 30 }
const two = { concurrency: 2, ttl: 30 }
/** Is not handed the lock: it takes it by itself. */
const longOne = { concurrency: 1, ttl: 90 }

/** Known mistakes, to prove that the search finds them. */
export const mistakes = {
  'a waiter does not watch the ticket before its own': {
    broken: { watchedBy: (...args) => rules.watchedBy(...args).filter(range => !isTicket(range.key)) },
    shows: { wishes: [one, longOne, longOne] },
    as: /waits, and nobody tells it that it is first/,
  },
  'the first waiter watches nothing': {
    broken: { watchedBy: (...args) => rules.watchedBy(...args).filter(range => !isFirstWatch(range.key)) },
    shows: { wishes: [one, longOne] },
    as: /waits, and nobody tells it: grant/,
  },
  'nothing is read after a watch stands': {
    broken: { looksAfterWatch: false },
    shows: { wishes: [one, one] },
    as: /waits, and nobody tells it: held/,
  },
  'handing over without comparing that the ticket stands': {
    broken: {
      release: (...args) => {
        const plan = rules.release(...args)
        return plan && { ...plan, transaction: lax(plan.transaction, of => isTicket(of.key) && !of.end) }
      },
    },
    shows: { wishes: [one, one], trouble: { stops: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'giving up compares and reads nothing': {
    broken: {
      giveUp: (...args) => {
        const plan = rules.giveUp(...args)
        return plan && { compare: [], success: plan.success.filter(op => op.type === 'delete'), failure: [] }
      },
    },
    shows: { wishes: [one, one], trouble: { stops: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'a grant does not compare who is first': {
    broken: {
      grant: (...args) => {
        const plan = rules.grant(...args)
        return { ...plan, transaction: lax(plan.transaction, of => of.key === key.tickets.key) }
      },
    },
    shows: { wishes: [one, longOne, one] },
    as: /is granted before .*, whose ticket is older/,
  },
  'a grant compares neither the KeyLocks nor the holder keys': {
    broken: {
      grant: (...args) => {
        const plan = rules.grant(...args)
        return {
          ...plan,
          transaction: lax(plan.transaction, of => [key.path, key.holders.key].includes(of.key)),
        }
      },
    },
    shows: { wishes: [two, two, { ...two, ttl: 90 }] },
    as: /has a holder key and no entry/,
  },
  'the limits of those who hold do not count': {
    broken: {
      decide: (snapshot, ...rest) => rules.decide(unlimited(snapshot), ...rest),
      grant: (snapshot, ...rest) => rules.grant(unlimited(snapshot), ...rest),
    },
    shows: { wishes: [one, two] },
    as: /2 holder keys where 1 may be/,
  },
  'a grant drops the entries of others': {
    broken: {
      decide: (snapshot, ...rest) => rules.decide(emptied(snapshot), ...rest),
      grant: (snapshot, ...rest) => rules.grant(emptied(snapshot), ...rest),
    },
    shows: { wishes: [one, one] },
    as: /takes away the holder key of/,
  },
  'an entry whose holder key is gone is waited for until its time is over': {
    broken: {
      decide: (snapshot, { uuid, concurrency }, now) =>
        rules.decide(foreign(snapshot), { uuid: asForeign(uuid), concurrency }, now),
    },
    shows: { wishes: [two, { ...two, ttl: 90 }], byHand: 2, trouble: { ends: 1 } },
    as: /waits, and nobody tells it: grant/,
  },
  'one who cannot be granted tries for ever': {
    broken: {
      decide: (snapshot, ...rest) => rules.decide({ ...snapshot, keyLocks: undefined }, ...rest),
      grant: (snapshot, ...rest) => rules.grant({ ...snapshot, keyLocks: undefined }, ...rest),
    },
    shows: { wishes: [two], byHand: 2 },
    as: /nothing that happens from here brings all to their end/,
  },
  'the token is that of a read': {
    broken: {
      applyEvent: (snapshot, event) => {
        const put = event.type === 'put' ? { ...event, kv: { ...event.kv, createRevision: 99n } } : event
        return rules.applyEvent(snapshot, put)
      },
    },
    shows: { wishes: [one, one] },
    as: /believes that its token is/,
  },
  'a grant without an answer is sent again blindly': {
    broken: { looksAfterLoss: false },
    shows: { wishes: [one, one], trouble: { losses: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
  'a grant that may still come is forgotten': {
    broken: { revokesWhatMayCome: false },
    shows: { wishes: [one, one], trouble: { losses: 1 } },
    as: /is on lease .*, which is taken to be unused/,
  },
} satisfies Readonly<Record<string, Mistake>>

function lax(transaction: Transaction, isLeftOut: (compare: Compare) => boolean): Transaction {
  return { ...transaction, compare: transaction.compare.filter(compare => !isLeftOut(compare)) }
}

function unlimited(snapshot: Snapshot): Snapshot {
  return withKeyLocks(snapshot, text => text.replaceAll(/"concurrency":\d/g, '"concurrency":0'))
}

function emptied(snapshot: Snapshot): Snapshot {
  return withKeyLocks(snapshot, () => '{}')
}

function withKeyLocks(snapshot: Snapshot, change: (text: string) => string): Snapshot {
  const { keyLocks } = snapshot
  return { ...snapshot, keyLocks: keyLocks && { ...keyLocks, value: change(keyLocks.value) } }
}

/** As if all entries were written by software that knows no holder keys. */
function foreign(snapshot: Snapshot): Snapshot {
  const renamed = <T>(keys: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...keys].map(([id, kv]) => [asForeign(id), kv]))
  const { holders, tickets } = snapshot
  return { ...withKeyLocks(snapshot, asForeign), holders: renamed(holders), tickets: renamed(tickets) }
}

function asForeign(text: string): string {
  return text.replaceAll('-8000-8000-', '-4000-8000-')
}

function isFirstWatch(path: string): boolean {
  return path === key.path || path === key.holders.key
}

function isTicket(path: string): boolean {
  return path.startsWith(key.tickets.key)
}
