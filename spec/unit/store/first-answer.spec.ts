import { afterEach, beforeEach, expect, it, jest } from '@jest/globals'
import { firstAnswer } from '../../../lib/store/etcd/first-answer.js'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const silent = (): Promise<never> => new Promise(() => {})
const silentFor = (ms: number) => (): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('silent')), ms))
/** Refuses so many times. */
const refusing = (times: number): { readonly ask: () => Promise<string>; asked: number } => {
  const refuser = {
    asked: 0,
    ask: () =>
      refuser.asked++ < times ? Promise.reject(new Error(`refused ${refuser.asked}`)) : Promise.resolve('it'),
  }
  return refuser
}

it('one that has failed is asked again while another is silent, and no more once it has answered', async () => {
  const refuser = refusing(2)
  const found = firstAnswer([refuser.ask, silent], 300, 1_000)
  await jest.advanceTimersByTimeAsync(1_999)
  expect(refuser.asked).toBe(2)
  await jest.advanceTimersByTimeAsync(1)
  expect(await found).toBe('it')
  expect(jest.getTimerCount()).toBe(0)
})

it('when each has failed nobody is asked any more, and the last that each has said is told', async () => {
  const refuser = refusing(Infinity)
  const found = firstAnswer([refuser.ask, silentFor(2_500), silentFor(2_900)], 300, 1_000)
  const told = expect(found).rejects.toMatchObject({
    errors: [{ message: 'refused 4' }, { message: 'silent' }, { message: 'silent' }],
  })
  await jest.advanceTimersByTimeAsync(3_200)
  await told
  expect(refuser.asked).toBe(4)
  // Of the second, which is being asked again.
  expect(jest.getTimerCount()).toBe(1)
})
