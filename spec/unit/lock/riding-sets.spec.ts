import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { pino } from 'pino'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { systemHost } from '../../../lib/lock/engine/host.js'
import { type Rider, RidingSets } from '../../../lib/lock/engine/riding-sets.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { StoreError } from '../../../lib/store/store-error.js'
import { type Clock, systemClock, type Timer } from '../../../lib/time/clock.js'

let due: (() => void)[]
let sets: RidingSets

beforeEach(() => {
  due = []
  const timer = (_: number, work: () => void): Timer => {
    due.push(work)
    return {
      cancel: () => void (due = due.filter(each => each !== work)),
      unref() {
        return this
      },
    }
  }
  sets = new RidingSets(Object.assign(Object.create(systemClock) as Clock, { timer }))
})

const keysOf = (...names: string[]): LockKey[] => names.map(name => new LockKey('custom', name))
const nothing: Transaction = { compare: [], success: [], failure: [] }
const put = { type: 'put', key: 'key', value: '', lease: undefined } as const
const ticketsOf = (keys: LockKey[]): Transaction[] => keys.map(() => ({ ...nothing, success: [put] }))
const wait = (...names: string[]) => sets.wait(keysOf(...names), ticketsOf(keysOf(...names)))
const namesOf = (riders: ReturnType<RidingSets['take']>): string[] =>
  riders.map(({ keys }) => keys.map(({ name }) => name).join())

describe('Tickets of sets that are kept back', () => {
  it('travel with the next release, once', async () => {
    const rider = wait('a', 'b')
    expect(sets.isWanted(keysOf('b', 'c'))).toBe(true)
    expect(sets.take([], 0)).toStrictEqual([rider])
    expect(sets.take([], 0)).toStrictEqual([])
    expect(sets.isWanted(keysOf('b', 'c'))).toBe(false)
    const snapshots = keysOf('a', 'b').map(emptySnapshot)
    rider.arrive(() => snapshots)
    expect(await rider.answer).toBe(snapshots)
    expect(due).toStrictEqual([])
  })

  it('go by themselves when no release comes in time', async () => {
    const rider = wait('a', 'b')
    due[0]!()
    expect(await rider.answer).toBeUndefined()
    expect(sets.isWanted(keysOf('a'))).toBe(false)
    expect(sets.take([], 0)).toStrictEqual([])
  })

  it('never travel beside others for the same lock, since both would have one revision, and keep their order', () => {
    wait('a', 'b')
    wait('b', 'c')
    wait('c', 'd')
    wait('e', 'f')
    expect(namesOf(sets.take([], 0))).toStrictEqual(['a,b', 'e,f'])
    expect(namesOf(sets.take([], 0))).toStrictEqual(['b,c'])
    expect(namesOf(sets.take([], 0))).toStrictEqual(['c,d'])
  })

  it('travel as far as etcd takes them in one transaction', () => {
    const large = { ...nothing, success: Array.from({ length: 125 }, () => put) }
    wait('a', 'b')
    wait('c', 'd')
    expect(namesOf(sets.take([large], 0))).toStrictEqual(['a,b'])
    expect(namesOf(sets.take([large], 2))).toStrictEqual([])
    expect(namesOf(sets.take([large], 0))).toStrictEqual(['c,d'])
  })

  it('are those of few locks: others would find no room', () => {
    const many = (count: number): LockKey[] => keysOf(...Array.from({ length: count }, (_, at) => `n${at}`))
    expect([16, 17].map(count => sets.hasRoomFor(many(count)))).toStrictEqual([true, false])
  })

  it('go by themselves where etcd has refused all: the lease that it misses may be that of another', async () => {
    const rider = wait('a', 'b')
    rider.fail(new StoreError('lease-not-found', 'gone'))
    expect(await rider.answer).toBeUndefined()
  })

  it('may have been put where no answer came: that is for their set to find out', async () => {
    const rider = wait('a', 'b')
    const silence = new StoreError('unreachable', 'no answer')
    rider.fail(silence)
    await expect(rider.answer).rejects.toBe(silence)
  })
})

describe('When what etcd has answered cannot be told to all,', () => {
  const released = new LockKey('custom', 'released')
  const release: Transaction = { ...nothing, success: [{ ...put, key: released.path }] }
  let store: MemoryStore
  let engine: Engine
  let riders: readonly Rider[]

  beforeEach(() => {
    store = new MemoryStore()
    engine = new Engine(store, systemHost, pino({ level: 'silent' }))
    const joinOf = (key: LockKey): Transaction => {
      const success = [{ ...put, key: key.ticket('set') }, ...snapshotReads(key)]
      return { compare: [], success, failure: success }
    }
    for (const names of [['a', 'b'], ['c']]) {
      const keys = keysOf(...names)
      sets.wait(keys, keys.map(joinOf))
    }
    riders = sets.take([], 0)
  })
  afterEach(() => store.close())

  const fault = new Error('a fault')
  const failAt = (path: string): void => {
    const set = engine.snapshots.set.bind(engine.snapshots)
    jest.spyOn(engine.snapshots, 'set').mockImplementation(snapshot => {
      if (snapshot.key.path === path) throw fault
      set(snapshot)
    })
  }
  const commit = () => engine.commitTracked([emptySnapshot(released)], [release], {}, riders)
  const ticketsOfRider = async (at: number): Promise<number[]> =>
    (await riders[at]!.answer)!.map(({ tickets }) => tickets.size)

  it('since the release is at fault, all riders are told', async () => {
    failAt(released.path)
    await expect(commit()).rejects.toBe(fault)
    expect(await ticketsOfRider(0)).toEqual([1, 1])
    expect(await ticketsOfRider(1)).toEqual([1])
  })

  it('since one rider is at fault, it looks by itself, and the others are told', async () => {
    failAt(riders[0]!.keys[1]!.path)
    await expect(commit()).resolves.toMatchObject({ succeeded: true })
    await expect(riders[0]!.answer).rejects.toBe(fault)
    expect(await ticketsOfRider(1)).toEqual([1])
  })
})
