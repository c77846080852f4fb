import { beforeEach, describe, expect, it } from '@jest/globals'
import { LocalQueue, type LocalWaiter } from '../../../lib/lock/engine/local-queue.js'

describe('The waiters of a process', () => {
  let queue: LocalQueue
  let firsts: string[]
  beforeEach(() => {
    queue = new LocalQueue()
    firsts = []
  })
  const nothing = (): void => {}
  const waiter = (name: string): LocalWaiter => ({
    onHandOver: () => false,
    onGranted: nothing,
    onFirst: () => void firsts.push(name),
    onProgress: nothing,
    onFreed: nothing,
  })
  const add = (name: string, revision: bigint): void => queue.add(name, waiter(name), revision)
  it('become the first in the order of their tickets', () => {
    add('c', 1n)
    add('a', 2n)
    add('b', 3n)
    for (const name of ['c', 'a']) queue.delete(name)
    expect(firsts).toEqual(['c', 'a', 'b'])
  })

  it('are told which stand behind one of them', () => {
    const waiters = ['a', 'b', 'c', 'd'].map((name, at) => {
      const each = waiter(name)
      queue.add(name, each, BigInt(at))
      return each
    })
    expect(queue.behind('b', 1)).toEqual([waiters[2]])
    expect(queue.behind('b', 9)).toEqual(waiters.slice(2))
    expect(queue.behind('d', 9)).toEqual([])
  })

  it('stand where their tickets do when these are found late', () => {
    add('a', 1n)
    add('b', 5n)
    add('c', 3n)
    queue.delete('a')
    queue.delete('c')
    expect(firsts).toEqual(['a', 'c', 'b'])
    add('d', 2n)
    expect(firsts).toEqual(['a', 'c', 'b', 'd'])
  })

  it('stand in the order of their ids when their tickets are of one revision', () => {
    for (const name of ['b', 'c', 'a']) add(name, 4n)
    for (const name of ['a', 'b']) queue.delete(name)
    expect(firsts).toEqual(['b', 'a', 'b', 'c'])
  })

  it('go to the end with a new ticket, and are told nothing by the same', () => {
    add('a', 1n)
    add('b', 2n)
    add('a', 1n)
    expect(firsts).toEqual(['a'])
    add('a', 3n)
    expect([firsts, queue.size, queue.has('a')]).toEqual([['a', 'b'], 2, true])
  })
})
