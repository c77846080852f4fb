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

it('A refusal is not that of those who have asked since: etcd is asked once more', async () => {
  const { asks, questions, token } = asked()
  const both = [token.get(), token.get()]
  questions[0]!.refuse()
  await asks(2)
  questions[1]!.take('mended')
  expect(await Promise.all(both)).toStrictEqual(['mended', 'mended'])
  expect(await token.get()).toBe('mended')
})

it('A refusal is told after one question where nobody has asked since, and after two whoever asks', async () => {
  const { asks, questions, token } = asked()
  const alone = token.get()
  questions[0]!.refuse()
  await expect(alone).rejects.toThrow('authentication failed')
  const several = [token.get(), token.get()]
  const failed = Promise.all(several.map(each => expect(each).rejects.toThrow('authentication failed')))
  questions[1]!.refuse()
  await asks(3)
  void token.get().catch(() => {})
  questions[2]!.refuse()
  await failed
  expect(questions).toHaveLength(3)
})
