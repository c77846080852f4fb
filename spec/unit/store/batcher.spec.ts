import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import { unconditionally } from '../../../lib/kv/transaction.js'
import { Batcher } from '../../../lib/store/etcd/batch/batcher.js'
import { Rights } from '../../../lib/store/etcd/batch/rights.js'
import { StoreError } from '../../../lib/store/store-error.js'

it('A call is not late when its answer is there, and this process was too busy to read it', async () => {
  const sizes: number[] = []
  /** Any I/O will do that is over while this process is busy. */
  const send = async (request: Buffer): Promise<never> => {
    sizes.push(request.length)
    await stat('.')
    throw new StoreError('unreachable', 'no answer')
  }
  const batcher = new Batcher(send, 10_000, new Rights(false))
  const commit = (name: string): Promise<unknown> =>
    batcher.commit({ ...unconditionally({ type: 'put', key: name, value: '' }), scope: [name] })
  // Timers come next: the late one before the answer.
  await setImmediate()
  const next = commit('first').catch(() => commit('told by the first'))
  await new Promise(resolve => process.nextTick(resolve))
  const waiting = commit('waiting')
  const end = performance.now() + 100
  while (performance.now() < end);
  expect(await Promise.allSettled([next, waiting])).toMatchObject([
    { status: 'rejected' },
    { status: 'rejected' },
  ])
  expect(sizes).toHaveLength(2)
})

it('A lone commit leaves before any I/O', async () => {
  let calls = 0
  const send = (): Promise<never> => {
    calls++
    return Promise.reject(new StoreError('unreachable', 'no answer'))
  }
  const batcher = new Batcher(send, 10_000, new Rights(false))
  for (let before = 0; before < 3; before++) {
    const lone = batcher.commit({ ...unconditionally({ type: 'put', key: 'a', value: '' }), scope: ['a'] })
    await new Promise(resolve => process.nextTick(resolve))
    expect(calls).toBe(before + 1)
    await expect(lone).rejects.toThrow('no answer')
    await setImmediate()
  }
})

it('Those that are told together travel together, also when some go on a turn later', async () => {
  const calls: number[] = []
  let answer = (): void => {}
  const send = (request: Buffer): Promise<never> => {
    calls.push(request.toString('latin1').split('name-').length - 1)
    return new Promise((_, reject) => (answer = () => reject(new StoreError('unreachable', 'no answer'))))
  }
  const batcher = new Batcher(send, 10_000, new Rights(false))
  const commit = (name: string): Promise<unknown> =>
    batcher.commit({ ...unconditionally({ type: 'put', key: `name-${name}`, value: '' }), scope: [name] })
  const goOn = (name: string, rest: () => Promise<unknown>): Promise<unknown> =>
    commit(name).catch(async () => {
      await rest()
      return commit(name).catch(() => {})
    })
  const all = Promise.all([
    goOn('at-once', () => Promise.resolve()),
    goOn('a-turn-later', () => setImmediate()),
    goOn('also-later', () => setImmediate()),
  ])
  let isOver = false
  void all.then(() => (isOver = true))
  while (!isOver) {
    await setImmediate()
    answer()
  }
  expect(calls).toEqual([calls[0], calls[0]])
})
