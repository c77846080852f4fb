import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { KeyValue } from '../../lib/kv/key-value.js'
import type { LockReader } from '../../lib/lock/api/index.js'
import { newLockId } from '../../lib/model/lock-ids.js'
import { Timestamp } from '../../lib/model/timestamp.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { listed, listedAsJson } from '../../lib/relukko/locks/listed.js'
import { encodeName, formatRecord } from '../../lib/relukko/locks/record.js'
import { RelukkoDTO } from '../../lib/relukko/relukko-dto.js'
import { anyText } from '../support/any-text.js'

interface Written {
  keyLocks: string
  holder: string
  record: string
}

const now = Timestamp.parse('2026-07-16T16:46:52.161053Z')
const kv = (key: string, value: string): KeyValue => ({
  key,
  value,
  createRevision: 1n,
  modRevision: 1n,
  lease: '7',
})

interface Fields {
  readonly lockName?: string
  readonly creator?: string | null
  readonly request?: string | undefined
}

/** What stands in etcd of a lock that was taken through Relukko, as `change` leaves it. */
function written(
  { lockName = 'a rack', creator = 'a robot', request }: Fields = {},
  change: (texts: Written, id: string) => void = () => {},
): LockReader {
  const id = newLockId()
  const key = new LockKey('custom', encodeName(lockName))
  const times = { createdAt: now, updatedAt: now, expiresAt: now.plusSeconds(600) }
  const lock = new RelukkoDTO({ id, lockName, creator, ip: '192.0.2.7', ...times })
  const terms = { concurrency: 1, created: String(now), owner: creator || 'a client', ttl: 780 }
  const texts = {
    keyLocks: `{${JSON.stringify(id)}: ${JSON.stringify(terms)}}`,
    holder: JSON.stringify({ id, ...terms, record: true }),
    record: formatRecord({ lock, name: key.name, request }),
  }
  change(texts, id)
  const results = [
    [kv(key.path, texts.keyLocks)],
    texts.holder === '' ? [] : [kv(key.holder(id), texts.holder)],
    texts.record === '' ? [] : [kv(LockKey.record(id), texts.record)],
  ]
  return { ranges: () => Promise.resolve({ results, revision: 1n }) } as unknown as LockReader
}

/** How the list was made: of texts, or of objects. It is the same list. */
async function made(reader: LockReader): Promise<string[]> {
  const [dtos, items] = [
    await listed(reader, 'custom', () => now),
    await listedAsJson(reader, 'custom', () => now),
  ]
  const parsed: unknown[] = []
  const kinds: string[] = []
  for (const item of items) {
    const isText = typeof item === 'string'
    kinds.push(isText ? 'text' : 'object')
    parsed.push(JSON.parse(isText ? item : JSON.stringify(item)))
  }
  expect(parsed).toStrictEqual([...dtos].map(lock => lock.toJSON()))
  return kinds
}

describe('The list of locks as JSON', () => {
  it.each<[string, Fields]>([
    ['that was taken through Relukko', {}],
    ['without a creator', { creator: null }],
    ['with a request', { request: JSON.stringify(['ada', 'call 7']) }],
    ['of any letters', { lockName: 'räck 7 \u{1f5c4} =/'.replace('/', ''), creator: 'ähm \u007f' }],
  ])('has a lock %s as its record has it', async (_, fields) => {
    expect(await made(written(fields))).toStrictEqual(['text'])
  })

  it.each<[string, string[], (texts: Written, id: string) => void]>([
    ['a record that is missing', ['object'], texts => (texts.record = '')],
    ['a record of no day', ['object'], texts => (texts.record = texts.record.replaceAll('07-16', '02-31'))],
    ['a record of no hour', ['object'], texts => (texts.record = texts.record.replaceAll('T16', 'T24'))],
    ['a record in other words', ['object'], texts => (texts.record = texts.record.replace('{', '{ '))],
    ['a record of another name', ['object'], texts => (texts.record = texts.record.replace('rack', 'stack'))],
    [
      'a record that says more',
      ['object'],
      texts => (texts.record = texts.record.replace('}', ',"name":"a%20rack"}')),
    ],
    [
      'a record that is broken',
      ['object'],
      texts => (texts.record = texts.record.replace('"ip"', '"creator":"\n","ip"')),
    ],
    ['no holder key', [], texts => (texts.holder = '')],
    [
      "another's holder key",
      [],
      texts => (texts.holder = texts.holder.replace(/"id":"........-/, '"id":"00000000-')),
    ],
    ['an entry of no day', [], texts => (texts.keyLocks = texts.keyLocks.replace('07-16', '02-31'))],
    ['an entry without a ttl', [], texts => (texts.keyLocks = texts.keyLocks.replace(',"ttl":780', ''))],
    ['a ttl of 0', [], texts => (texts.keyLocks = texts.keyLocks.replace('780', '0'))],
    [
      'an entry that says more',
      [],
      texts => (texts.keyLocks = texts.keyLocks.replace('780', '780,"more":1')),
    ],
    ['an entry in other words', ['object'], texts => (texts.keyLocks = texts.keyLocks.replaceAll(',', ', '))],
    ['no entry', [], texts => (texts.keyLocks = '{}')],
    ['no JSON', [], texts => (texts.keyLocks = 'x')],
    [
      'a second entry, which is dead',
      ['object'],
      (texts, id) =>
        (texts.keyLocks = texts.keyLocks.replace(
          '}}',
          `}, "${newLockId()}": ${texts.keyLocks.slice(id.length + 5)}`,
        )),
    ],
  ])('looks closer at a lock with %s', async (_, kinds, change) => {
    expect(await made(written({}, change))).toStrictEqual(kinds)
  })

  it('is the same whatever the names, the creators and the requests are', async () => {
    const fields = fc.record({
      lockName: anyText({ minLength: 1 }).filter(text => !text.includes('\0')),
      creator: fc.option(anyText()),
      request: fc.option(anyText(), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(fields, async each => {
        await made(written(each))
      }),
    )
  })
})
