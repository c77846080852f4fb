import { describe, expect, it } from '@jest/globals'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { missedEventsOf } from '../../../lib/protocol/missed-events.js'
import { shownEvents } from '../../../lib/server/v2/events.js'

const lock = new LockKey('custom', 'rack')
const terms = (owner: string): string => JSON.stringify({ owner, created: '2023', concurrency: 1, ttl: 60 })
const at = (key: string, createRevision: bigint, modRevision = createRevision): KeyValue => ({
  key,
  value: terms(key.slice(-1)),
  createRevision,
  modRevision,
  lease: '1',
})
const holder = (id: string, created: bigint, changed?: bigint): KeyValue =>
  at(lock.holder(id), created, changed)
const ticket = (id: string, created: bigint): KeyValue => at(lock.ticket(id), created)
const marker = (id: string, revision: bigint): KeyValue => ({
  ...at(lock.forced(id), revision),
  value: JSON.stringify({ by: 'bob', reason: 'fire' }),
})
const keysOf = (...kvs: KeyValue[]): Map<string, KeyValue> => new Map(kvs.map(kv => [kv.key, kv]))
const missed = (before: KeyValue[], now: KeyValue[]): string[] =>
  missedEventsOf(now, 10n, keysOf(...before)).map(
    ({ type, id, owner, revision, by }) => `${type} ${id}/${owner} ${revision}${by ? ` by ${by}` : ''}`,
  )

describe('what is told of a time of which no changes are known', () => {
  it('is nothing of what is still there, and nothing of what came and went', () => {
    const keys = [holder('a', 3n), ticket('b', 4n)]
    expect(missed(keys, [...keys, at(lock.path, 3n)])).toEqual([])
  })

  it('is the end of what is gone, the eldest first, without a reason', () => {
    expect(missed([ticket('c', 6n), holder('b', 5n), holder('a', 4n)], [])).toEqual([
      'ended a/a 10',
      'ended b/b 10',
      'ended c/c 10',
    ])
  })

  it('is who holds and who waits, in their order and with the tokens, however they were changed since', () => {
    const now = [holder('a', 12n, 20n), holder('c', 11n), ticket('b', 15n), ticket('d', 13n)]
    expect(missed([], now)).toEqual(['granted c/c 11', 'granted a/a 12', 'queued d/d 13', 'queued b/b 15'])
  })

  it('is the grant to a waiter', () => {
    expect(missed([holder('a', 3n), ticket('b', 4n)], [holder('b', 12n)])).toEqual([
      'ended a/a 10',
      'granted b/b 12',
    ])
  })

  it('is the end and the new beginning of what is held or waited for anew under the same id', () => {
    expect(missed([holder('a', 3n), ticket('b', 4n)], [holder('a', 12n), ticket('b', 13n)])).toEqual([
      'ended a/a 10',
      'ended b/b 10',
      'granted a/a 12',
      'queued b/b 13',
    ])
  })

  it('is who took something by force, as the marker says, before the grant to the next', () => {
    const now = [holder('b', 12n), marker('a', 12n), marker('c', 13n)]
    expect(missed([holder('a', 3n), ticket('b', 4n), ticket('c', 5n)], now)).toEqual([
      'forced a/a 12 by bob',
      'granted b/b 12',
      'forced c/c 13 by bob',
    ])
  })

  it('is no force that is older than what was seen last', () => {
    expect(missed([holder('a', 9n)], [marker('a', 8n)])).toEqual(['ended a/a 10'])
  })

  it('brings the keys up to those that exist now', () => {
    const keys = keysOf(holder('a', 3n))
    const now = [holder('b', 12n), ticket('c', 13n)]
    missedEventsOf([...now, at(lock.path, 12n)], 10n, keys)
    expect(keys).toEqual(keysOf(...now))
  })

  it('is to those who look at locks also whose terms have changed', () => {
    const before = keysOf(holder('a', 3n), holder('b', 4n))
    const told = shownEvents(() => true).missed([holder('a', 3n, 12n), holder('b', 11n, 13n)], 10n, before)
    expect(told.map(({ type, id, revision }) => `${type} ${id} ${revision}`)).toEqual([
      'ended b 10',
      'granted b 11',
      'changed a 12',
    ])
  })
})
