import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Timestamp } from '../../../lib/model/timestamp.js'
import {
  applyComposition,
  compose,
  type Composition,
  type Join,
  ticketAt,
} from '../../../lib/protocol/compose.js'
import { heldSnapshot } from '../../../lib/protocol/held-snapshot.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import {
  applyResult,
  emptySnapshot,
  readSnapshot,
  type Snapshot,
  snapshotReads,
} from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')
const ids = (keys: ReadonlyMap<string, unknown>): string[] => [...keys.keys()]
let keySpace: KeySpace
let nextLease = 1

beforeEach(() => {
  keySpace = new KeySpace(() => true)
})

function join(uuid: string, concurrency = 1, ttl = 30): Join {
  const [holderLease, ticketLease] = [String(nextLease++), String(nextLease++)]
  const request = { uuid, owner: 'tester', concurrency, ttl, holderLease, ticketLease, handoffAllowed: true }
  return { request, created: now, extraOps: [] }
}

function composed(
  from: Snapshot,
  releases: readonly string[],
  joins: readonly Join[],
  { mostSuccessors = Infinity, local = [] as string[] } = {},
): Composition {
  const isLocal = (uuid: string): boolean => local.includes(uuid)
  return compose(from, { releases, joins, mostSuccessors, isLocal }, now)
}

function run(from: Snapshot, composition: Composition): { succeeded: boolean; after: Snapshot } {
  const { result } = keySpace.run(composition.transaction)
  return { succeeded: result.succeeded, after: applyComposition(from, composition, result) }
}

function read(): Snapshot {
  return readSnapshot(key, keySpace.run({ compare: [], success: snapshotReads(key), failure: [] }).result)
}

/** A holder key without an entry. */
function orphan(uuid: string): void {
  keySpace.run({ compare: [], success: [{ type: 'put', key: key.holder(uuid), value: '{}' }], failure: [] })
}

/** Takes the lock or a ticket. */
function ask(...joins: Join[]): void {
  const from = emptySnapshot(key)
  run(from, composed(from, [], joins))
}

describe('What is composed', () => {
  it('grants a free lock to those that fit, up to the first that does not, and puts tickets for the others', () => {
    const from = emptySnapshot(key)
    const composition = composed(from, [], [join('a', 2), join('b', 2), join('c', 2), join('d', 0)])
    expect(composition.granted).toEqual(['a', 'b'])
    const { succeeded, after } = run(from, composition)
    expect([succeeded, ids(read().holders), ids(read().tickets)]).toEqual([true, ['a', 'b'], ['c', 'd']])
    expect(ids(after.tickets)).toEqual(['c', 'd'])
  })

  it('grants nothing from a wrong guess, and takes all tickets at one revision', () => {
    ask(join('a'))
    const from = emptySnapshot(key)
    const { succeeded, after } = run(from, composed(from, [], [join('c'), join('b')]))
    expect(succeeded).toBe(false)
    expect(new Set([...after.tickets.values()].map(kv => kv.createRevision)).size).toBe(1)
    // All see those that join together in the order in which their ids were made, since etcd gives them in any.
    expect(ids(after.tickets)).toEqual(['b', 'c'])
  })

  it('shows the tickets that it takes in the order in which all see them', () => {
    const from = emptySnapshot(key)
    const { after } = run(from, composed(from, [], [join('a'), join('c'), join('b')]))
    expect(ids(after.tickets)).toEqual(ids(read().tickets))
  })

  it('grants no request that joins while a ticket stands, whatever it would fit', () => {
    ask(join('a', 0))
    ask(join('b', 1))
    const from = read()
    expect(composed(from, [], [join('c', 0)]).granted).toEqual([])
    expect(composed(from, ['a'], [join('c', 0)]).granted).toEqual([])
  })

  it('does not grant a request that joins when a ticket has come that the snapshot does not show', () => {
    ask(join('a', 2))
    const from = read()
    const composition = composed(from, ['a'], [join('c', 2)])
    expect(composition.granted).toEqual(['c'])
    ask(join('b', 1))
    expect(run(from, composition).succeeded).toBe(false)
    expect([ids(read().holders), ids(read().tickets)]).toEqual([['a'], ['b', 'c']])
  })

  it('does not grant it either when nobody leaves', () => {
    ask(join('a', 2))
    const from = read()
    const composition = composed(from, [], [join('c', 2)])
    ask(join('b', 1))
    expect([composition.granted, run(from, composition).succeeded]).toEqual([['c'], false])
    expect([ids(read().holders), ids(read().tickets)]).toEqual([['a'], ['b', 'c']])
  })

  it('takes joins in behind all that wait, as long as nobody else has come', () => {
    for (const each of [join('w', 1), join('b', 0), join('c', 0)]) ask(each)
    const from = read()
    const composition = composed(from, ['w'], [join('d', 0), join('e', 1), join('f', 0)])
    expect([composition.successors, composition.granted]).toEqual([['b', 'c'], ['d']])
    const { succeeded, after } = run(from, composition)
    expect([succeeded, ids(read().holders), ids(read().tickets)]).toEqual([true, ['b', 'c', 'd'], ['e', 'f']])
    expect([ids(after.tickets), after.isWhole, after.revision]).toEqual([['e', 'f'], true, read().revision])
  })

  it('takes nobody in behind a waiter that has come unseen', () => {
    for (const each of [join('w', 1), join('b', 0)]) ask(each)
    const from = read()
    const composition = composed(from, ['w'], [join('d', 0)])
    expect(composition.granted).toEqual(['d'])
    ask(join('x', 1))
    expect(run(from, composition).succeeded).toBe(false)
    expect([ids(read().holders), ids(read().tickets)]).toEqual([['w'], ['b', 'x', 'd']])
  })

  it('takes nobody in where only the beginning of the queue is known', () => {
    for (const each of [join('w', 1), join('b', 0)]) ask(each)
    const from = { ...read(), isWhole: false }
    expect(composed(from, ['w'], [join('d', 0)]).granted).toEqual([])
  })

  it('hands the lock to waiters that fit though nobody leaves', () => {
    for (const each of [join('a', 3), join('w', 1), join('b', 3)]) ask(each)
    keySpace.run({ compare: [], success: [{ type: 'delete', key: key.ticket('w') }], failure: [] })
    const from = read()
    const composition = composed(from, [], [])
    expect(composition.successors).toEqual(['b'])
    expect([run(from, composition).succeeded, ids(read().holders)]).toEqual([true, ['a', 'b']])
    expect(composed(from, [], [], { mostSuccessors: 0 }).successors).toEqual([])
  })

  it('releases, hands over and lets join in one go', () => {
    ask(join('a'))
    ask(join('b'))
    const from = read()
    const composition = composed(from, ['a'], [join('c')])
    expect(composition.successors).toEqual(['b'])
    const { after } = run(from, composition)
    expect([ids(read().holders), ids(read().tickets)]).toEqual([['b'], ['c']])
    expect(ids(after.tickets)).toEqual(['c'])
  })

  it('leaves what it did not grant to a release of nobody: no entry is dropped, and none is said to be', () => {
    const [gone, stays] = ['1', '2'].map(digit => `0000000${digit}-0000-8000-8000-000000000000`) as [
      string,
      string,
    ]
    ask(join(gone, 0), join(stays, 0))
    keySpace.run({ compare: [], success: [{ type: 'delete', key: key.holder(gone) }], failure: [] })
    const from = { ...read(), tickets: new Map() }
    expect(composed(from, [], []).expired).toEqual([])
    expect(composed(from, [stays], []).expired.map(({ uuid }) => uuid)).toEqual([gone])
  })

  it('deletes the holder keys whose entries were deleted by hand, and leaves those that it releases to their places', () => {
    ask(join('a', 0), join('b', 0))
    keySpace.run({ compare: [], success: [{ type: 'delete', key: key.path }], failure: [] })
    const from = read()
    const { succeeded } = run(from, composed(from, ['a'], [join('c')]))
    expect([succeeded, ids(read().holders)]).toEqual([true, ['c']])
  })

  it('deletes more of them than one transaction takes before it grants anything', () => {
    for (let at = 1_000; at < 1_120; at++) {
      const { transaction } = composed(read(), [], [join(`h${at}`, 0)])
      keySpace.run(transaction)
    }
    for (let at = 1_000; at < 1_120; at++) orphan(`h${at}-orphan`)
    const from = read()
    const { after } = run(from, composed(from, [], [join('new', 0)]))
    expect(after.holders).toEqual(read().holders)
    expect([after.holders.has('new'), ids(after.tickets)]).toEqual([false, ['new']])
    expect(composed(after, ['h1000'], []).successors).toEqual(['new'])
  })

  it('gives a ticket as etcd has it', () => {
    ask(join('a'))
    const from = read()
    const composition = composed(from, [], [join('b')])
    run(from, composition)
    const ticket = read().tickets.get('b')!
    expect(ticketAt(ticket.key, composition, ticket.createRevision)).toEqual(ticket)
  })
})

describe('The tickets that are taken beside a hand-over', () => {
  /** a holds, b and e wait. x comes from elsewhere, unseen, before a is released and c joins with that. */
  function handOver(): { from: Snapshot; composition: Composition } {
    for (const uuid of ['a', 'b', 'e']) ask(join(uuid))
    const from = read()
    ask(join('x'))
    return { from, composition: composed(from, ['a'], [join('c')], { local: ['b', 'c'] }) }
  }

  it('are not shown, since others may stand before them that are not known', () => {
    const { from, composition } = handOver()
    const { succeeded, after } = run(from, composition)
    expect([succeeded, ids(after.tickets), after.isWhole]).toEqual([true, ['e'], false])
    expect(ids(read().tickets)).toEqual(['e', 'x', 'c'])
  })

  it('would be served before those if they were shown: order is lost', () => {
    const { from, composition } = handOver()
    const { result } = keySpace.run(composition.transaction)
    const wrong = applyResult(from, composition.transaction, result)
    expect(ids(wrong.tickets)).toEqual(['e', 'c'])
    // b releases, and hands over to e, whose process is told that c is next.
    keySpace.run(composed(wrong, ['b'], []).transaction)
    const told = heldSnapshot(key, read().holders.get('e')!)!
    expect(run(told, composed(told, ['e'], [])).succeeded).toBe(true)
    expect([ids(read().holders), ids(read().tickets)]).toEqual([['c'], ['x']])
  })
})

describe('A holder key that is handed over', () => {
  beforeEach(() => {
    for (const uuid of ['a', 'b', 'c', 'd']) ask(join(uuid))
  })
  const toldOf = (uuid: string): string[] => ids(heldSnapshot(key, read().holders.get(uuid)!)!.tickets)

  it('tells who waits next, so that the next release hands over without a read', () => {
    const from = read()
    run(from, composed(from, ['a'], []))
    expect(toldOf('b')).toEqual(['c', 'd'])
    const told = heldSnapshot(key, read().holders.get('b')!)!
    expect(run(told, composed(told, ['b'], [])).succeeded).toBe(true)
    expect(toldOf('c')).toEqual(['d'])
  })

  it('tells nothing to a waiter of the same process', () => {
    const from = read()
    run(from, composed(from, ['a'], [], { local: ['b'] }))
    expect(toldOf('b')).toEqual([])
  })

  it('passes nobody when the first of whom it tells is gone', () => {
    const from = read()
    run(from, composed(from, ['a'], []))
    const told = heldSnapshot(key, read().holders.get('b')!)!
    keySpace.run({ compare: [], success: [{ type: 'delete', key: key.ticket('c') }], failure: [] })
    const { succeeded, after } = run(told, composed(told, ['b'], []))
    expect([succeeded, ids(after.tickets)]).toEqual([false, ['d']])
  })
})

describe('Whatever is wanted,', () => {
  it('no branch has more operations than etcd takes', () => {
    const count = fc.nat({ max: 30 })
    const limit = fc.nat({ max: 1 })
    fc.assert(
      fc.property(
        count,
        count,
        fc.nat({ max: 16 }),
        fc.nat({ max: 24 }),
        limit,
        fc.nat({ max: 130 }),
        (holders, waiters, leaving, joining, most, orphans) => {
          keySpace = new KeySpace(() => true)
          const held = Array.from({ length: holders }, (_, at) => join(`h${at}`, 0))
          const waiting = Array.from({ length: waiters }, (_, at) => join(`w${at}`, most))
          ask(...held)
          ask(...waiting)
          for (let at = 0; at < orphans; at++) orphan(`h${at / 2}`)
          const record = { type: 'put' as const, key: LockKey.record('x'), value: '{}' }
          const joins = Array.from({ length: joining }, (_, at) => ({
            ...join(`j${at}`, 0),
            extraOps: [record],
          }))
          const releases = held.slice(0, leaving).map(({ request }) => request.uuid)
          const { compare, success, failure } = composed(read(), releases, joins).transaction
          expect(Math.max(compare.length, success.length, failure.length)).toBeLessThanOrEqual(120)
        },
      ),
      { seed: 20_230_716, numRuns: 60 },
    )
  })
})
