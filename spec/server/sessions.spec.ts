import { afterEach, expect, it, jest } from '@jest/globals'
import { Sessions } from '../../lib/server/auth/sessions.js'

const sessions = new Sessions({ user: 'ada', password: 'secret' }, true)
afterEach(() => {
  jest.restoreAllMocks()
})

const cookie = (): string => sessions.open('ada', 'secret')!.split(';')[0]!

it('last for twelve hours', () => {
  const opened = cookie()
  const now = Date.now()
  const at = (hours: number): unknown => {
    jest.spyOn(Date, 'now').mockReturnValue(now + hours * 3_600_000)
    return sessions.find(opened)?.user
  }
  expect([at(11.9), at(12.1)]).toEqual(['ada', undefined])
})

it('are opened by the right user with the right password only', () => {
  const wrong: [unknown, unknown][] = [
    ['ada', 'Secret'],
    ['Ada', 'secret'],
    ['ada', ''],
    ['', 'secret'],
    [undefined, undefined],
    [['ada'], ['secret', '']],
  ]
  expect(wrong.map(([user, password]) => sessions.open(user, password))).toEqual(wrong.map(() => undefined))
})

it('are found among other cookies, whole and with the signature of the server only', () => {
  const own = cookie()
  expect(sessions.find(`a=b; ${own}; c=d`)?.user).toBe('ada')
  const [claim, signature] = own.split('.')
  for (const forged of [
    claim!,
    `${claim}.`,
    `${claim}x.${signature}`,
    `${claim}.${signature}x`,
    'spicelock=.',
    '',
  ]) {
    expect(sessions.find(forged)).toBeUndefined()
  }
  const { csrf } = sessions.find(own)!
  expect([
    sessions.isCsrf(csrf, csrf),
    sessions.isCsrf(csrf, signature),
    sessions.isCsrf(csrf, undefined),
  ]).toEqual([true, false, false])
})

it('are for https only where the server speaks it', () => {
  const plain = new Sessions({ user: 'ada', password: 'secret' }, false)
  expect([sessions, plain].map(each => each.open('ada', 'secret')!.includes('; Secure'))).toEqual([
    true,
    false,
  ])
})

it('are not opened by what proves that a request comes from the page', () => {
  const own = cookie()
  const { csrf } = sessions.find(own)!
  const [claim] = own.slice('spicelock='.length).split('.')
  for (const text of [`csrf ${claim}`, `session ${claim}`, claim]) {
    expect(sessions.find(`spicelock=${text}.${csrf}`)).toBeUndefined()
  }
})

it('end when their time is over, and when somebody signs out', () => {
  jest.useFakeTimers()
  try {
    const [first, second] = [cookie(), cookie()]
    const ended = [first, second].map(opened => sessions.endOf(opened)!)
    sessions.end(first)
    expect(ended.map(({ signal }) => signal.aborted)).toEqual([true, false])
    jest.advanceTimersByTime(12 * 3_600_000 + 1)
    expect(ended.map(({ signal }) => signal.aborted)).toEqual([true, true])
    expect(sessions.endOf(second)).toBeUndefined()
    for (const { stop } of ended) stop()
    expect(jest.getTimerCount()).toBe(0)
  } finally {
    jest.useRealTimers()
  }
})
