import { describe, expect, it } from '@jest/globals'
import { cameWithHolderKey, orderOf, processOf, slotOf } from '../../../lib/model/lock-id.js'
import { LockIds, newLockId } from '../../../lib/model/lock-ids.js'

const names = ['/spicerack/locks/custom/a', '/spicerack/locks/custom/b']
const [a, b] = names as [string, string]

describe('Ids of locks', () => {
  it('are UUIDs of version 8', () => {
    const ids = new LockIds()
    for (let count = 0; count < 100; count++) {
      for (const id of [newLockId(), ids.take([]), ids.take([a]), ids.take(names)]) {
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(cameWithHolderKey(id)).toBe(true)
      }
    }
  })

  it('begin alike in a process, and differ between processes', () => {
    const [mine, theirs] = [new LockIds(), new LockIds()]
    const [first, second, other] = [mine.take([a]), mine.take([b]), theirs.take([a])]
    expect(processOf(first)).toBe(first.slice(0, 14))
    expect(processOf(second)).toBe(processOf(first))
    expect(processOf(other)).not.toBe(processOf(first))
  })

  it('tell in which order they were made, whatever their slots, and are all different', () => {
    const ids = new LockIds()
    const made = Array.from({ length: 4_000 }, (_, at) => {
      const id = ids.take([a])
      if (at % 3 > 0) ids.free(a, id)
      return id
    })
    expect(made.map(orderOf).sort()).toEqual(made.map(orderOf))
    expect(new Set(made).size).toBe(4_000)
  })

  it.each(['', 'a', '2d6ad6e3-6b5a-4a0a-9d27-4a3a9f5b1c2d', 'ABCDEF01-2345-4789-89AB-0123456789AB'])(
    'that were made elsewhere belong to no process, and end keys as they are: %j',
    id => {
      expect(processOf(id)).toBeUndefined()
      expect(slotOf(id)).toBe(id)
      expect(orderOf(id)).toBe(id)
    },
  )
})

describe('The slot of an id', () => {
  it('is given to one id of a name at a time, and then to the next', () => {
    const ids = new LockIds()
    const [first, second, last, elsewhere] = [ids.take([a]), ids.take([a]), ids.take([a]), ids.take([b])]
    expect(slotOf(second)).not.toBe(slotOf(first))
    expect(slotOf(elsewhere)).toBe(slotOf(first))
    ids.free(a, first)
    const third = ids.take([a])
    expect(slotOf(third)).toBe(slotOf(first))
    expect(third).not.toBe(first)
    expect([first, second, last].map(slotOf)).not.toContain(slotOf(ids.take([a])))
  })

  it('is one that is free under all names of a set', () => {
    const ids = new LockIds()
    const [one, two] = [ids.take([a]), ids.take([a])]
    const other = ids.take([b])
    ids.free(a, one)
    const set = ids.take(names)
    expect([slotOf(two), slotOf(other)]).not.toContain(slotOf(set))
    expect(slotOf(ids.take([a]))).toBe(slotOf(one))
    ids.free(a, set)
    expect(slotOf(ids.take([a]))).toBe(slotOf(set))
    expect(slotOf(ids.take([b]))).not.toBe(slotOf(set))
  })

  it('rests for ten minutes when its keys may still stand or come', () => {
    let now = 0
    const ids = new LockIds(() => now)
    const first = ids.take([a])
    ids.rest(a, first)
    now = 599_999
    expect(slotOf(ids.take([a]))).not.toBe(slotOf(first))
    now = 600_000
    expect(slotOf(ids.take([a]))).toBe(slotOf(first))
  })

  it('rests longer where its leases may live longer, whatever rests beside it', () => {
    let now = 0
    const ids = new LockIds(() => now)
    const [long, short] = [ids.take([a]), ids.take([a])]
    ids.rest(a, long, 7_200_000)
    ids.rest(a, short)
    now = 600_000
    expect(slotOf(ids.take([a]))).toBe(slotOf(short))
    now = 7_199_999
    expect(slotOf(ids.take([a]))).not.toBe(slotOf(long))
    now = 7_200_000
    expect(slotOf(ids.take([a]))).toBe(slotOf(long))
  })

  it('is woken with a hundred others at most at a time: to wake all at once would keep everybody waiting', () => {
    let now = 0
    const ids = new LockIds(() => now)
    for (const id of Array.from({ length: 1_000 }, () => ids.take([a]))) ids.rest(a, id)
    now = 600_000
    const woken = Array.from({ length: 300 }, () => Number(`0x${slotOf(ids.take([a])).slice(-3)}`))
    expect(Math.max(...woken)).toBeLessThan(1_000)
    expect(new Set(woken).size).toBe(300)
  })

  it('is found at once, however many are taken', () => {
    const ids = new LockIds()
    const many = Array.from({ length: 50_000 }, () => ids.take([a]))
    const start = process.cpuUsage()
    for (let round = 0; round < 1_000; round++) {
      ids.free(a, many[round]!)
      ids.take([a])
      ids.take([a])
    }
    // To look at all that are taken, one by one, would take 50,000,000 steps.
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(200)
  })

  it('is not freed while a request goes on under its id', () => {
    const ids = new LockIds()
    const sought = ids.take(['name'])
    ids.seek(sought)
    ids.free('name', sought)
    expect(slotOf(ids.take(['name']))).not.toBe(slotOf(sought))
    ids.settle(sought)
    ids.free('name', sought)
    expect(slotOf(ids.take(['name']))).toBe(slotOf(sought))
  })

  it('is not freed by an id of another process, or by one that was given back', () => {
    const [mine, theirs] = [new LockIds(), new LockIds()]
    const first = mine.take([a])
    mine.free(a, theirs.take([a]))
    expect(slotOf(mine.take([a]))).not.toBe(slotOf(first))
    mine.free(a, first)
    const second = mine.take([a])
    mine.free(a, first)
    expect(slotOf(mine.take([a]))).not.toBe(slotOf(second))
  })
})
