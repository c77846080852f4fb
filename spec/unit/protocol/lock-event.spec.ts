import { describe, expect, it } from '@jest/globals'
import type { KeyEvent, KeyValue } from '../../../lib/kv/key-value.js'
import { leasesInQuestion, lockEventsOf } from '../../../lib/protocol/lock-event.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'

const lock = new LockKey('custom', 'rack')
const REVISION = 9n
const at = (key: string, createRevision = 3n): KeyValue => ({
  key,
  value: JSON.stringify({ owner: `owner of ${key.slice(-1)}`, created: '2023', concurrency: 1, ttl: 60 }),
  createRevision,
  modRevision: createRevision,
  lease: `lease of ${key.slice(-1)}`,
})
const put = (key: string, value?: string): KeyEvent => {
  const kv = { ...at(key, REVISION), modRevision: REVISION }
  return { type: 'put', kv: value === undefined ? kv : { ...kv, value } }
}
const gone = (key: string): KeyEvent => ({ type: 'delete', key, modRevision: REVISION })
const live = (...keys: string[]): Map<string, KeyValue> => new Map(keys.map(key => [key, at(key)]))
const told = (changes: KeyEvent[], before: string[], liveLeases?: Set<string>): string[] =>
  lockEventsOf(changes, live(...before), liveLeases).map(({ type, id, by }) =>
    by === undefined ? `${type} ${id}` : `${type} ${id} by ${by}`,
  )
const { path } = lock
const holder = (id: string): string => lock.holder(id)
const ticket = (id: string): string => lock.ticket(id)
const marked = put(lock.forced('a'), JSON.stringify({ by: 'bob', reason: 'fire' }))
const isAscending = path < holder('a')

describe('the changes of one revision tell', () => {
  it.each<[string, KeyEvent[], string[], string[]]>([
    ['of a grant, which a first holder key is', [put(path), put(holder('a'))], [], ['granted a']],
    ['nothing of a holder key that is written again', [put(path), put(holder('a'))], [holder('a')], []],
    ['of a place in the queue', [put(ticket('a'))], [], ['queued a']],
    ['nothing of a ticket that is written again', [put(ticket('a'))], [ticket('a')], []],
    ['of a waiter that has given up', [gone(ticket('a'))], [ticket('a')], ['gave-up a']],
    [
      'of a hand-over, in which the ticket of the next goes',
      [gone(holder('a')), put(path), put(holder('b')), gone(ticket('b'))],
      [holder('a'), ticket('b')],
      ['released a', 'granted b'],
    ],
    ['of a release of one of several holders', [put(path), gone(holder('a'))], [holder('a')], ['released a']],
    ['of the end of a lease of one of several holders', [gone(holder('a'))], [holder('a')], ['expired a']],
    [
      'of a holding that was taken by force',
      [marked, put(path), gone(holder('a'))],
      [holder('a')],
      ['forced a by bob'],
    ],
    ['of a place that was taken by force', [marked, gone(ticket('a'))], [ticket('a')], ['forced a by bob']],
    ['nothing of keys that are none of ours', [put('/other'), gone(`${path}/deep`)], [], []],
  ])('%s', (_, changes, before, expected) => {
    expect(told(changes, before)).toEqual(expected)
  })

  it('a release of a sole holder from the end of its lease by the order of the deletes', () => {
    const ascending = [gone(path), gone(holder('a'))]
    const byLease = isAscending ? ascending : ascending.toReversed()
    expect(told(byLease, [holder('a')])).toEqual(['expired a'])
    expect(told(byLease.toReversed(), [holder('a')])).toEqual(['released a'])
  })

  it('a release of a sole holder by its lease, where the order is not known, and else that it has ended', () => {
    const changes = [gone(path), gone(holder('a'))]
    expect(leasesInQuestion(changes, live(holder('a')))).toEqual(['lease of a'])
    expect(told(changes, [holder('a')], new Set(['lease of a']))).toEqual(['released a'])
    expect(told(changes, [holder('a')], new Set())).toEqual(['ended a'])
  })

  it('the owner from the key as it was', () => {
    expect(lockEventsOf([gone(holder('a'))], live(holder('a')))).toMatchObject([
      { prefix: 'custom', name: 'rack', id: 'a', owner: 'owner of a', revision: REVISION },
    ])
    expect(lockEventsOf([gone(holder('a'))], live())).toMatchObject([{ id: 'a', owner: undefined }])
  })
})

it('the keys that exist are brought up to the changes', () => {
  const keys = live(holder('a'), ticket('b'))
  lockEventsOf([put(path), gone(holder('a')), put(holder('b')), gone(ticket('b'))], keys)
  expect([...keys.keys()]).toEqual([holder('b')])
})

it('no lease is in question where another holder stays, or nothing was known of it', () => {
  expect(leasesInQuestion([put(path), gone(holder('a'))], live(holder('a')))).toEqual([])
  expect(leasesInQuestion([gone(path), gone(holder('a'))], live())).toEqual([])
})
