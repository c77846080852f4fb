import { describe, expect, it } from '@jest/globals'
import type { KeyRange } from '../../../lib/kv/key-value.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { isWithin } from '../../../lib/kv/key-value.js'

const key = new LockKey('custom', 'name')

describe('LockKey', () => {
  it('lies where Spicerack looks for it', () => {
    expect(key.path).toBe('/spicerack/locks/custom/name')
    expect(String(key)).toBe(key.path)
    expect(key.ticket('id')).toBe('/spicerack/locks/etcd/custom/name/id')
    expect(key.holder('id')).toBe('/spicerack/locks/holders/custom/name/id')
  })

  it.each(['nam', 'name2', 'name ', 'name0', 'name.', 'Name'])(
    'has nothing in common with the lock %j',
    name => {
      const other = new LockKey('custom', name)
      const keys = [other.path, other.ticket('id'), other.holder('id')]
      const ranges: KeyRange[] = [{ key: key.path }, key.tickets, key.holders]
      expect(keys.filter(each => ranges.some(range => isWithin(each, range)))).toEqual([])
    },
  )

  it('holds its tickets and holder keys, and they hold nothing else of it', () => {
    expect(isWithin(key.ticket('id'), key.tickets)).toBe(true)
    expect(isWithin(key.holder('id'), key.holders)).toBe(true)
    expect(isWithin(key.ticket('id'), key.holders)).toBe(false)
    expect(isWithin(key.path, key.holders)).toBe(false)
  })

  it('tells the keys of each id, whichever it told before', () => {
    const ids = ['a', 'b', 'a']
    expect(ids.map(id => key.ticket(id))).toStrictEqual(ids.map(id => key.tickets.key + id))
    expect(ids.map(id => key.holder(id))).toStrictEqual(ids.map(id => key.holders.key + id))
    key.forgetRanges()
    expect(key.holder('a')).toBe(`${key.holders.key}a`)
  })

  it('is found under its prefix, and under no other', () => {
    const keys = [key.path, key.holder('id'), key.ticket('id')]
    const found = (prefix: string): boolean[] =>
      LockKey.allUnder(prefix).map((range, index) => isWithin(keys[index]!, range))
    expect(found('custom')).toEqual([true, true, true])
    for (const other of ['custo', 'custom2', 'modules']) expect(found(other)).toEqual([false, false, false])
  })
})
