import { describe, expect, it } from '@jest/globals'
import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { formatTerms, parseTerms } from '../../../lib/protocol/terms.js'

const dict = {
  concurrency: 2,
  created: '2023-07-16 16:46:52.161053+00:00',
  owner: 'user@host [123]',
  ttl: 60,
}
const lock = ConcurrentLock.fromDict('id', dict)

describe('terms', () => {
  it('are those of the lock, and the lease to come in a ticket', () => {
    expect(parseTerms(formatTerms(lock))).toEqual(dict)
    expect(parseTerms(formatTerms(lock, { lease: '7587891' }))).toEqual({ ...dict, lease: '7587891' })
  })

  it('are JSON whatever is in their texts', () => {
    const id = '12345678-1234-8000-8000-""""""""""""'
    const quoted = ConcurrentLock.fromDict(id, { ...dict, owner: '"\\' })
    const more = { lease: '"', since: '"', record: true, queue: [['"', '1', dict]] } as const
    expect(JSON.parse(formatTerms(quoted, more))).toStrictEqual({ id, ...dict, owner: '"\\', ...more })
  })

  it('say that the holder renews its lease, when it does', () => {
    expect(parseTerms(formatTerms(lock, { renewed: true }))).toEqual({ ...dict, renewed: true })
    expect(parseTerms(formatTerms(lock, { renewed: false }))).toEqual(dict)
  })

  it.each(['', 'no json', 'null', '7', '[]', '{}', '{"owner": "o"}', '{"owner": 7, "created": "2023"}'])(
    'are none in %j',
    text => {
      expect(parseTerms(text)).toBeUndefined()
    },
  )
})
