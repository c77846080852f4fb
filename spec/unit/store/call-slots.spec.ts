import { expect, it } from '@jest/globals'
import { CallSlots } from '../../../lib/store/etcd/call-slots.js'
import { eventually } from '../../support/eventually.js'

interface Begun {
  readonly name: string
  readonly timeoutMs: number
  readonly end: (error?: Error) => void
}

const slots = (most: number): { begun: Begun[]; run: (name: string, ms?: number) => Promise<string> } => {
  const begun: Begun[] = []
  const all = new CallSlots(most)
  const run = (name: string, ms?: number): Promise<string> => {
    const call = ({ timeoutMs = NaN }): Promise<string> =>
      new Promise((resolve, reject) => {
        begun.push({ name, timeoutMs, end: error => (error ? reject(error) : resolve(name)) })
      })
    return all.run(call, ms === undefined ? undefined : { timeoutMs: ms })
  }
  return { begun, run }
}
const names = (begun: readonly Begun[]): string[] => begun.map(({ name }) => name)

it('so many begin at once, and the others in their order, whether those before them fail or not', async () => {
  const { begun, run } = slots(2)
  const calls = ['a', 'b', 'c', 'd'].map(name => run(name))
  expect(names(begun)).toStrictEqual(['a', 'b'])
  begun[1]!.end()
  await eventually(() => expect(names(begun)).toStrictEqual(['a', 'b', 'c']))
  const broken = expect(calls[0]).rejects.toThrow('broken')
  begun[0]!.end(new Error('broken'))
  await eventually(() => expect(names(begun)).toStrictEqual(['a', 'b', 'c', 'd']))
  for (const { end } of begun) end()
  await broken
  expect(await Promise.all(calls.slice(1))).toStrictEqual(['b', 'c', 'd'])
})

it('one whose own time passes in the line is not sent, and keeps nobody waiting', async () => {
  const { begun, run } = slots(1)
  void run('a')
  const late = run('late', 20)
  const last = run('last', 60_000)
  await expect(late).rejects.toMatchObject({
    reason: 'unreachable',
    message: expect.stringContaining('not sent within 0.0 s') as unknown,
  })
  begun[0]!.end()
  await eventually(() => expect(names(begun)).toStrictEqual(['a', 'last']))
  const { timeoutMs, end } = begun[1]!
  expect(timeoutMs).toBeLessThanOrEqual(60_000 - 19)
  expect(timeoutMs).toBeGreaterThan(50_000)
  end()
  expect(await last).toBe('last')
})

it('one may wait for longer than a timer can', async () => {
  const { begun, run } = slots(1)
  void run('a')
  const patient = run('patient', 2 ** 31)
  await expect(run('late', 20)).rejects.toThrow('not sent')
  begun[0]!.end()
  await eventually(() => expect(names(begun)).toStrictEqual(['a', 'patient']))
  begun[1]!.end()
  expect(await patient).toBe('patient')
})

it('a slot that nobody waits for is free again', async () => {
  const { begun, run } = slots(1)
  const first = run('a')
  begun[0]!.end()
  await first
  void run('b')
  expect(names(begun)).toStrictEqual(['a', 'b'])
})
