import { expect, it } from '@jest/globals'
import { type WaitingSet, WaitingSets } from '../../../lib/lock/engine/waiting-sets.js'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'

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

const queueOf = (name: string, ...waiting: string[]): Snapshot => ({
  ...emptySnapshot(keyOf(name)),
  tickets: new Map(waiting.map(uuid => [uuid, {} as KeyValue])),
})

it('A release asks those sets that are the first in a queue, each once, whatever they face', () => {
  const sets = new WaitingSets()
  const [first, second] = [setOf('first', [], 'a', 'b'), setOf('second', [], 'b', 'c')]
  for (const set of [first, second]) sets.enter(set)
  sets.face(first, keyOf('c'), undefined)
  const queues = [queueOf('a', 'first'), queueOf('b', 'first', 'second'), queueOf('c', 'other', 'second')]
  expect(sets.firstOf(queues)).toStrictEqual([first])
  expect(sets.firstOf([queueOf('c', 'second'), queueOf('d')])).toStrictEqual([second])
})

it('A release follows those that keep the same set waiting, and no others', async () => {
  const sets = new WaitingSets()
  sets.enter(setOf('first', [], 'a', 'b'))
  let end = (): void => {}
  const release = sets.releasing([keyOf('a'), keyOf('z')], new Promise<void>(resolve => (end = resolve)))
  expect(sets.releasesBeside([queueOf('b', 'first')])).toHaveLength(1)
  expect(sets.releasesBeside([queueOf('b', 'other', 'first')])).toStrictEqual([])
  expect(sets.releasesBeside([queueOf('z')])).toStrictEqual([])
  end()
  await release
  expect(sets.releasesBeside([queueOf('b', 'first')])).toStrictEqual([])
})
