import { expect, it } from '@jest/globals'
import { QueueReads } from '../../../lib/lock/engine/queue-reads.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot } from '../../../lib/protocol/snapshot.js'

const [a, b] = [new LockKey('custom', 'a'), new LockKey('custom', 'b')]

/** Each read is answered when the test says so. */
class Bench {
  readonly asked: string[] = []
  readonly times: (number | undefined)[] = []
  private readonly answers: ((error?: Error) => void)[] = []
  readonly reads = new QueueReads((key, uuids, { timeoutMs }) => {
    this.asked.push(`${key.path.slice(-1)}: ${uuids.join(' ')}`)
    this.times.push(timeoutMs)
    const revision = BigInt(this.asked.length)
    return new Promise((resolve, reject) => {
      const all = [...uuids, ''].map(() => ({ ...emptySnapshot(key), revision }))
      this.answers.push(error => (error ? reject(error) : resolve(all)))
    })
  })

  read(uuid: string | undefined, key = a, timeoutMs?: number): Promise<bigint> {
    return this.reads.read(key, uuid, { timeoutMs }).then(({ revision }) => revision)
  }

  answer(error?: Error): Promise<void> {
    this.answers.shift()!(error)
    return new Promise(resolve => setImmediate(resolve))
  }
}

it('those who ask while a read is under way share the next one, which begins after they have asked', async () => {
  const bench = new Bench()
  const all = [bench.read('1'), bench.read('2'), bench.read('3'), bench.read('4', b)]
  expect(bench.asked).toEqual(['a: 1', 'b: 4'])
  await bench.answer()
  all.push(bench.read('5'))
  expect(bench.asked).toEqual(['a: 1', 'b: 4', 'a: 2 3'])
  await bench.answer()
  await bench.answer()
  expect(bench.asked).toEqual(['a: 1', 'b: 4', 'a: 2 3', 'a: 5'])
  await bench.answer()
  expect(await Promise.all(all)).toEqual([1n, 3n, 3n, 2n, 4n])
  expect(await Promise.all([bench.read('6'), bench.answer()])).toEqual([5n, undefined])
})

it('no read is for more than etcd takes operations, nor lasts longer than the least patient has time', async () => {
  const bench = new Bench()
  const all = Array.from({ length: 80 }, (_, at) => bench.read(String(at), a, 1_000 + at))
  for (let count = 0; count < 3; count++) await bench.answer()
  expect(await Promise.all(all)).toHaveLength(80)
  expect(bench.asked.map(text => text.split(' ').length - 1)).toEqual([1, 64, 15])
  expect(bench.times).toEqual([1_000, 1_001, 1_065])
})

it('a read that fails fails those who share it, and nobody else', async () => {
  const bench = new Bench()
  const all = Promise.allSettled([bench.read('1'), bench.read('2'), bench.read('3')])
  await bench.answer(new Error('The test cut the line.'))
  await bench.answer()
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
})

it('whoever has less time than the read under way does not wait for it', async () => {
  const bench = new Bench()
  const all = [bench.read('1', a, 5_000), bench.read('2', a, 4_999), bench.read('3', a, 5_000)]
  expect(bench.asked).toEqual(['a: 1', 'a: 2'])
  for (let count = 0; count < 3; count++) await bench.answer()
  expect(await Promise.all(all)).toEqual([1n, 2n, 3n])
})

it('holders, which have no ticket, share the very next read, however many wait for it', async () => {
  const bench = new Bench()
  const all = Array.from({ length: 70 }, (_, at) => bench.read(String(at)))
  all.push(...Array.from({ length: 70 }, () => bench.read(undefined)))
  for (let count = 0; count < 3; count++) await bench.answer()
  expect((await Promise.all(all)).slice(65)).toEqual([
    ...Array<bigint>(5).fill(3n),
    ...Array<bigint>(70).fill(2n),
  ])
})

it('whoever has less time than those who fill the next read does not wait for that', async () => {
  const bench = new Bench()
  const all = Array.from({ length: 65 }, (_, at) => bench.read(String(at), a, at === 0 ? 100 : 5_000))
  all.push(bench.read('65', a, 4_999), bench.read('66', a, 5_000))
  expect(bench.asked.slice(1)).toEqual(['a: 65'])
  for (let count = 0; count < 4; count++) await bench.answer()
  expect(await Promise.all(all)).toHaveLength(67)
})
