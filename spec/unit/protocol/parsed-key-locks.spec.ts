import { describe, expect, it, jest } from '@jest/globals'
import { KeyLocks, Timestamp } from '../../../lib/index.js'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import { grant } from '../../../lib/protocol/grant.js'
import { lockKey } from '../../../lib/protocol/lock-name.js'
import { release } from '../../../lib/protocol/release.js'
import { applyEvent, applyResult, emptySnapshot, keyLocksOf } from '../../../lib/protocol/snapshot.js'

const key = lockKey('custom', 'parsed')
const now = Timestamp.parse('2023-01-01 12:34:56.123456')
const request = { owner: 'me', concurrency: 2, ttl: 60, ticketLease: undefined, handoffAllowed: true }
const done = (revision: bigint): { succeeded: true; revision: bigint; results: [] } => ({
  succeeded: true,
  revision,
  results: [],
})

describe('the KeyLocks of a snapshot', () => {
  it('is parsed once, and not at all when this process has written it', () => {
    const parse = jest.spyOn(KeyLocks, 'fromJson')
    try {
      const one = grant(emptySnapshot(key), { ...request, uuid: 'one', holderLease: '1' }, now).transaction
      const held = applyResult(emptySnapshot(key), one, done(2n))
      const other = grant(held, { ...request, uuid: 'other', holderLease: '2' }, now).transaction
      const both = applyResult(held, other, done(3n))
      expect([...keyLocksOf(both).locks.keys()]).toEqual(['one', 'other'])
      expect(parse).not.toHaveBeenCalled()

      const { value } = both.keyLocks!
      // As another process may write it.
      const read: KeyValue = { ...both.keyLocks!, value: JSON.stringify(JSON.parse(value)) }
      const seen = applyEvent(held, { type: 'put', kv: read })
      expect(keyLocksOf(seen).toJson()).toBe(value)
      expect(release(seen, 'one', now)?.released?.uuid).toBe('one')
      expect(parse).toHaveBeenCalledTimes(1)
    } finally {
      parse.mockRestore()
    }
  })

  it('is a copy: what is done to it changes nothing', () => {
    const kv = { key: key.path, createRevision: 2n, modRevision: 2n, lease: undefined }
    const value = '{"one": {"concurrency":1,"created":"2023-01-01 12:34:56+00:00","owner":"me","ttl":60}}'
    const snapshot = { ...emptySnapshot(key), keyLocks: { ...kv, value } }
    keyLocksOf(snapshot).remove('one')
    expect(keyLocksOf(snapshot).toJson()).toBe(value)
  })
})
