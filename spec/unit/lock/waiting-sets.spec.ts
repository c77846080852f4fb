import { expect, it } from '@jest/globals'
import { type WaitingSet, WaitingSets } from '../../../lib/lock/engine/waiting-sets.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'

const keyOf = (name: string): LockKey => new LockKey('custom', name)

/** A set that notes in `told` what it hears of the lock that it faces. */
function setOf(uuid: string, told: string[], ...names: string[]): WaitingSet {
  const onChange = (): void => void told.push(uuid)
  return { uuid, keys: names.map(keyOf), asked: undefined, onHandOver: () => {}, onChange }
}

it('Sets that wait are told when one has left that wanted the lock that they face, whatever became of its tickets', () => {
  const told: string[] = []
  const sets = new WaitingSets()
  const [first, second, third] = [
    setOf('first', told, 'a', 'b'),
    setOf('second', told, 'b', 'c'),
    setOf('third', told, 'c', 'd'),
  ] as const
  for (const set of [first, second, third]) sets.enter(set)
  sets.face(first, keyOf('a'), undefined)
  sets.face(second, keyOf('b'), undefined)
  sets.face(third, keyOf('c'), undefined)
  sets.face(first, undefined, keyOf('a'))
  sets.leave(first)
  expect(told).toStrictEqual(['second'])
  sets.leave(first)
  expect(told).toStrictEqual(['second'])
  expect(sets.has('first')).toBe(false)
})
