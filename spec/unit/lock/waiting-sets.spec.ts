import { expect, it } from '@jest/globals'
import { WaitingSets } from '../../../lib/lock/engine/waiting-sets.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'

const [a, b, c] = ['a', 'b', 'c'].map(name => new LockKey('custom', name)) as [LockKey, LockKey, LockKey]

it('a queue is growing while a set takes its tickets, whatever becomes of that', async () => {
  const sets = new WaitingSets()
  const growing = (): boolean[] => [a, b, c].map(key => sets.isGrowing(key))
  const joined = sets.joining([a, b], Promise.resolve('joined'))
  const failed = sets.joining([b, c], Promise.reject(new Error('unreachable')))
  expect(growing()).toStrictEqual([true, true, true])
  expect(await joined).toBe('joined')
  await expect(failed).rejects.toThrow('unreachable')
  expect(growing()).toStrictEqual([false, false, false])
})

it('those that face a lock are told of it, and of nothing else', () => {
  const sets = new WaitingSets()
  const told: string[] = []
  const make = (uuid: string) => ({
    uuid,
    keys: [a, b],
    asked: undefined,
    onChange: () => void told.push(uuid),
    onHandOver: () => {},
  })
  const [first, second] = [make('first'), make('second')]
  for (const set of [first, second]) sets.enter(set)
  sets.face(first, a, undefined)
  sets.face(second, b, undefined)
  sets.changed(a.path)
  sets.changed(c.path)
  expect(told).toStrictEqual(['first'])
  expect(sets.at([a, b, c])).toStrictEqual([first, second])
  sets.face(first, undefined, a)
  // Whoever waits behind one that leaves looks anew.
  sets.leave(first)
  expect(told).toStrictEqual(['first', 'second'])
  expect([sets.has('first'), sets.has('second'), sets.size]).toStrictEqual([false, true, 1])
})
