import { beforeEach, describe, expect, it } from '@jest/globals'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { combine } from '../../../lib/protocol/combine.js'
import { grant } from '../../../lib/protocol/grant.js'
import { giveUp } from '../../../lib/protocol/give-up.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { release } from '../../../lib/protocol/release.js'
import type { Request } from '../../../lib/protocol/request.js'
import { type Asked, handOverSets, type SetHandOver } from '../../../lib/protocol/set-hand-over.js'
import { emptySnapshot, readSnapshot, type Snapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const now = Timestamp.parse('2023-07-16 16:46:52')
let keySpace: KeySpace

beforeEach(() => {
  keySpace = new KeySpace(() => true)
})

const keyOf = (name: string): LockKey => new LockKey('custom', name)
const requestOf = (uuid: string, concurrency = 1): Request => ({
  uuid,
  owner: 'tester',
  concurrency,
  ttl: 60,
  holderLease: `holder ${uuid}`,
  ticketLease: `ticket ${uuid}`,
  handoffAllowed: false,
})

function read(name: string): Snapshot {
  const reads = { compare: [], success: snapshotReads(keyOf(name)), failure: [] }
  return readSnapshot(keyOf(name), keySpace.run(reads).result)
}

/** Takes all of these locks, or a ticket for each. */
function take(uuid: string, ...names: string[]): boolean {
  const parts = names.map(name => grant(emptySnapshot(keyOf(name)), requestOf(uuid), now).transaction)
  return keySpace.run(combine(parts)).result.succeeded
}

const askedBy = (uuid: string, ...names: string[]): Asked[] =>
  names.map(name => ({ snapshot: read(name), request: requestOf(uuid), created: now }))

/** What the release of these locks does, which `uuid` holds. */
function handOver(uuid: string, names: string[], waiting: Asked[][], spare = 0): SetHandOver {
  const left = names.map(name => {
    const snapshot = read(name)
    return { snapshot, transaction: release(snapshot, uuid, now)!.transaction }
  })
  return handOverSets(left, uuid, waiting, now, spare)
}

const run = ({ locks }: SetHandOver): boolean =>
  keySpace.run(combine(locks.map(({ transaction }) => transaction))).result.succeeded
const holders = (name: string): string[] => [...read(name).holders.keys()]
const tickets = (name: string): string[] => [...read(name).tickets.keys()]

describe('A release of several locks', () => {
  it('grants a set all that it asks for, also what was free before', () => {
    take('a', 'w', 'x')
    take('b', 'x', 'y')
    const handed = handOver('a', ['w', 'x'], [askedBy('b', 'x', 'y')])
    expect(handed.granted).toStrictEqual(['b'])
    expect(run(handed)).toBe(true)
    expect(['w', 'x', 'y'].map(holders)).toStrictEqual([[], ['b'], ['b']])
    expect(['x', 'y'].map(tickets)).toStrictEqual([[], []])
    expect([...read('x').holders.values()][0]!.lease).toBe('holder b')
  })

  it('grants nothing to a set that has to wait for another holder', () => {
    take('a', 'w', 'x')
    take('c', 'y')
    take('b', 'x', 'y')
    const handed = handOver('a', ['w', 'x'], [askedBy('b', 'x', 'y')])
    expect(handed.granted).toStrictEqual([])
    expect(run(handed)).toBe(true)
    expect(['x', 'y'].map(holders)).toStrictEqual([[], ['c']])
    expect(['x', 'y'].map(tickets)).toStrictEqual([['b'], ['b']])
  })

  it('grants nothing to a set before which an earlier ticket stands in one of its queues', () => {
    take('a', 'w', 'x', 'y')
    take('c', 'y', 'w')
    take('b', 'x', 'y')
    const handed = handOver('a', ['x', 'w', 'y'], [askedBy('b', 'x', 'y'), askedBy('c', 'y', 'w')])
    expect(handed.granted).toStrictEqual(['c'])
    expect(run(handed)).toBe(true)
    expect(['w', 'x', 'y'].map(holders)).toStrictEqual([['c'], [], ['c']])
  })

  it('grants several sets that have no lock in common', () => {
    take('a', 'w', 'x')
    take('b', 'w', 'y')
    take('c', 'x', 'z')
    const handed = handOver('a', ['w', 'x'], [askedBy('b', 'w', 'y'), askedBy('c', 'x', 'z')])
    expect(handed.granted).toStrictEqual(['b', 'c'])
    expect(run(handed)).toBe(true)
    expect(['w', 'x', 'y', 'z'].map(holders)).toStrictEqual([['b'], ['c'], ['b'], ['c']])
  })

  it('does nothing at all when a set has left its queues meanwhile', () => {
    take('a', 'w', 'x')
    take('b', 'x', 'y')
    const handed = handOver('a', ['w', 'x'], [askedBy('b', 'x', 'y')])
    keySpace.run(combine(['x', 'y'].map(name => giveUp(read(name), 'b')!)))
    expect(run(handed)).toBe(false)
    expect(['w', 'x', 'y'].map(holders)).toStrictEqual([['a'], ['a'], []])
  })

  it('leaves the other holders of a lock, and their entries', () => {
    const two = (uuid: string, ...names: string[]): boolean => {
      const grants = names.map(name => grant(read(name), requestOf(uuid, 2), now).transaction)
      return keySpace.run(combine(grants)).result.succeeded
    }
    two('c', 'x')
    two('a', 'w', 'x')
    const parts = ['x', 'y'].map(
      name => grant(emptySnapshot(keyOf(name)), requestOf('b', 2), now).transaction,
    )
    keySpace.run(combine(parts))
    const asked = ['x', 'y'].map(name => ({ snapshot: read(name), request: requestOf('b', 2), created: now }))
    const handed = handOver('a', ['w', 'x'], [asked])
    expect(handed.granted).toStrictEqual(['b'])
    expect(run(handed)).toBe(true)
    expect(holders('x').toSorted()).toStrictEqual(['b', 'c'])
    expect(Object.keys(JSON.parse(read('x').keyLocks!.value) as object)).toStrictEqual(['c', 'b'])
  })

  describe('of which the holder keeps another', () => {
    const takeOf = (concurrency: number, uuid: string, ...names: string[]): boolean => {
      const grants = names.map(
        name => grant(read(name), requestOf(uuid, concurrency), now, { created: now }).transaction,
      )
      return keySpace.run(combine(grants)).result.succeeded
    }
    const wait = (concurrency: number, uuid: string, ...names: string[]): Asked[] => {
      const tickets = names.map(
        name => grant(emptySnapshot(keyOf(name)), requestOf(uuid, concurrency), now).transaction,
      )
      keySpace.run(combine(tickets))
      return names.map(name => ({
        snapshot: read(name),
        request: requestOf(uuid, concurrency),
        created: now,
      }))
    }

    it('grants a set nothing that waits for that, too', () => {
      takeOf(1, 'a', 'x', 'y', 'z')
      const handed = handOver('a', ['x', 'z'], [wait(1, 'b', 'x', 'y')])
      expect(handed.granted).toStrictEqual([])
      expect(run(handed)).toBe(true)
      expect(['x', 'y', 'z'].map(holders)).toStrictEqual([[], ['a'], []])
      expect(['x', 'y'].map(tickets)).toStrictEqual([['b'], ['b']])
    })

    it('grants a set the place beside the holder', () => {
      takeOf(2, 'a', 'x', 'y', 'z')
      takeOf(2, 'c', 'x')
      const handed = handOver('a', ['x', 'z'], [wait(2, 'b', 'x', 'y')])
      expect(handed.granted).toStrictEqual(['b'])
      expect(run(handed)).toBe(true)
      expect(['x', 'y', 'z'].map(name => holders(name).toSorted())).toStrictEqual([
        ['b', 'c'],
        ['a', 'b'],
        [],
      ])
      expect(Object.keys(JSON.parse(read('y').keyLocks!.value) as object)).toStrictEqual(['a', 'b'])
    })
  })

  it('takes out an entry without a holder key, too', () => {
    take('a', 'w', 'x')
    take('b', 'x', 'y')
    const key = keyOf('x').holder('a')
    keySpace.run({ compare: [], success: [{ type: 'delete', key }], failure: [] })
    const handed = handOver('a', ['w', 'x'], [askedBy('b', 'x', 'y')])
    expect(handed.granted).toStrictEqual(['b'])
    expect(run(handed)).toBe(true)
    expect(Object.keys(JSON.parse(read('x').keyLocks!.value) as object)).toStrictEqual(['b'])
  })

  it('leaves to the sets what does not fit into the transaction', () => {
    take('a', 'w', 'x')
    take('b', 'x', 'y')
    const waiting = [askedBy('b', 'x', 'y')]
    expect(handOver('a', ['w', 'x'], waiting, 115).granted).toStrictEqual(['b'])
    expect(handOver('a', ['w', 'x'], waiting, 120).granted).toStrictEqual([])
  })
})
