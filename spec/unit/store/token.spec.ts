import { expect, it } from '@jest/globals'
import { StatusCode, statusError } from '../../../lib/store/etcd/http2/status.js'
import { Token } from '../../../lib/store/etcd/token.js'

const WRONG = statusError({
  code: StatusCode.INVALID_ARGUMENT,
  details: 'etcdserver: authentication failed, invalid user ID or password',
})

/** A token for which etcd is asked; each question is answered by the test. */
function asked() {
  const questions: { readonly take: (token: string) => void; readonly refuse: () => void }[] = []
  const token = new Token(
    () =>
      new Promise((resolve, reject) => {
        questions.push({ take: text => resolve({ token: text }), refuse: () => reject(WRONG) })
      }),
  )
  const asks = async (count: number): Promise<void> => {
    while (questions.length < count) await new Promise(resolve => setImmediate(resolve))
  }
  return { asks, questions, token }
}

it('A refusal is that of those who had asked before: for all who ask meanwhile etcd is asked once more', async () => {
  const { asks, questions, token } = asked()
  const first = token.get()
  const later = [token.get(), token.get()]
  questions[0]!.refuse()
  await expect(first).rejects.toThrow('authentication failed')
  await asks(2)
  questions[1]!.take('mended')
  expect(await Promise.all(later)).toStrictEqual(['mended', 'mended'])
  expect(await token.get()).toBe('mended')
  expect(questions).toHaveLength(2)
})

it('Who asks while etcd is asked once more is not refused by that answer either', async () => {
  const { asks, questions, token } = asked()
  const refused = [token.get(), token.get()].map(each =>
    expect(each).rejects.toThrow('authentication failed'),
  )
  questions[0]!.refuse()
  await asks(2)
  const third = token.get()
  questions[1]!.refuse()
  await Promise.all(refused)
  await asks(3)
  questions[2]!.take('mended')
  expect(await third).toBe('mended')
})

it('Where nobody asks meanwhile a refusal is told after one question, and the next who asks puts another', async () => {
  const { questions, token } = asked()
  for (const nth of [0, 1]) {
    const alone = token.get()
    questions[nth]!.refuse()
    await expect(alone).rejects.toThrow('authentication failed')
    expect(questions).toHaveLength(nth + 1)
  }
})

it('A token is shared, and forgotten when etcd has refused it to any who had it, but not for one that it has replaced', async () => {
  const { questions, token } = asked()
  const old = [token.get(), token.get()]
  questions[0]!.take('old')
  expect(await Promise.all(old)).toStrictEqual(['old', 'old'])
  for (const used of old) token.heard('etcdserver: invalid auth token', used)
  const current = token.get()
  for (const used of old) token.heard('etcdserver: invalid auth token', used)
  questions[1]!.take('new')
  expect(await current).toBe('new')
  token.heard('etcdserver: invalid auth token', old[1]!)
  expect(await token.get()).toBe('new')
  expect(questions).toHaveLength(2)
})
