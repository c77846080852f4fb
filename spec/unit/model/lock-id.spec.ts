import { describe, expect, it } from '@jest/globals'
import { cameWithHolderKey, lockIds, newLockId, processOf } from '../../../lib/model/lock-id.js'

describe('Ids of locks', () => {
  it('are UUIDs of version 8', () => {
    for (let count = 0; count < 100; count++) {
      const id = newLockId()
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(cameWithHolderKey(id)).toBe(true)
    }
  })

  it('begin alike in a process, and differ between processes', () => {
    const [mine, theirs] = [lockIds(), lockIds()]
    const [a, b, c] = [mine(), mine(), theirs()]
    expect(processOf(a)).toBe(a.slice(0, 14))
    expect(processOf(b)).toBe(processOf(a))
    expect(processOf(c)).not.toBe(processOf(a))
  })

  it('are in the order in which they were made, and all different', () => {
    const newId = lockIds()
    const ids = Array.from({ length: 4_000 }, newId)
    expect([...ids].sort()).toEqual(ids)
    const more = Array.from({ length: 10_000 }, newId)
    expect(new Set([...ids, ...more]).size).toBe(14_000)
  })

  it.each(['', 'a', '2d6ad6e3-6b5a-4a0a-9d27-4a3a9f5b1c2d', 'ABCDEF01-2345-8789-89AB-0123456789AB'])(
    'that were made elsewhere belong to no process: %j',
    id => {
      expect(processOf(id)).toBeUndefined()
    },
  )
})
