import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type Compare, type Op, type Transaction, unconditionally } from '../../../lib/kv/transaction.js'
import { decodeMembers, decodeVersion } from '../../../lib/store/etcd/proto/inspection-calls.js'
import { ProtoReader } from '../../../lib/store/etcd/proto/proto-reader.js'
import { ProtoWriter } from '../../../lib/store/etcd/proto/proto-writer.js'
import { encodeTransaction } from '../../../lib/store/etcd/proto/transaction-request.js'
import { decodeTransaction } from '../../../lib/store/etcd/proto/transaction-response.js'
import { encodeWatchRequest } from '../../../lib/store/etcd/proto/watch-request.js'
import { decodeWatchResponse } from '../../../lib/store/etcd/proto/watch-response.js'
import {
  readRequest,
  readWatchRequest,
  writeMemberList,
  writeResponse,
  writeStatusResponse,
  writeWatchResponse,
} from '../../support/etcd-messages.js'
import { anyText } from '../../support/any-text.js'

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    0n,
    1n,
    -1n,
    127n,
    128n,
    2n ** 31n,
    2n ** 49n - 1n,
    2n ** 49n,
    2n ** 53n + 1n,
    -(2n ** 63n),
  ),
)
const text = fc.oneof(fc.string(), anyText({ maxLength: 300 }), fc.constant(''))
const lease = fc.option(int64.map(String), { nil: undefined })
const range = fc.record({ key: text, end: text }, { requiredKeys: ['key'] })
const compare: fc.Arbitrary<Compare> = fc
  .tuple(
    range,
    fc.record({
      target: fc.constantFrom('create' as const, 'mod' as const),
      is: fc.constantFrom('=' as const, '!=' as const, '<' as const, '>' as const),
      revision: int64,
    }),
  )
  .map(([keys, bound]) => ({ ...keys, ...bound }))
const order = fc.record(
  {
    limit: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    order: fc.constantFrom('key' as const, 'create' as const),
  },
  { requiredKeys: [] },
)
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key: text, value: text, lease }),
  range.map(keys => ({ type: 'delete' as const, ...keys })),
  fc.tuple(range, order).map(([keys, rest]) => ({ type: 'range' as const, ...keys, ...rest })),
)
const transaction: fc.Arbitrary<Transaction> = fc.record({
  compare: fc.array(compare, { maxLength: 4 }),
  success: fc.array(op, { maxLength: 4 }),
  failure: fc.array(op, { maxLength: 4 }),
})

describe('A transaction on the wire', () => {
  it('is what etcd3 reads as this transaction', () => {
    fc.assert(
      fc.property(transaction, each => {
        expect(readRequest(encodeTransaction(each))).toMatchObject({
          compare: each.compare.map(compareOf),
          success: each.success.map(opOf),
          failure: each.failure.map(opOf),
        })
      }),
    )
  })

  it('may be larger than the buffer that was enough for those before', () => {
    const value = 'ü'.repeat(300_000)
    const put = { type: 'put', key: 'k', value } as const
    const [written] = readRequest(encodeTransaction(unconditionally(put))).success as Requests
    expect(written!.request_put.value.toString() === value).toBe(true)
  })
})

type Requests = { request_put: { value: Buffer } }[]

const kv = fc.record({ key: text, value: text, createRevision: int64, modRevision: int64, lease: int64 })

describe('The answer to a transaction', () => {
  it('is read as etcd3 has written it, whatever the revisions and leases are', () => {
    const results = fc.array(fc.array(kv, { maxLength: 3 }), { maxLength: 3 })
    fc.assert(
      fc.property(fc.boolean(), int64, results, (succeeded, revision, found) => {
        const bytes = writeResponse({
          header: {
            cluster_id: '17',
            member_id: String(2n ** 64n - 1n),
            revision: String(revision),
            raft_term: 9,
          },
          succeeded,
          responses: found.map(kvs => ({
            response_range: {
              header: { revision: '3' },
              kvs: kvs.map(keyValueOf),
              more: true,
              count: kvs.length,
            },
          })),
        })
        expect(decodeTransaction(bytes)).toEqual({
          succeeded,
          revision,
          results: found.map(kvs =>
            kvs.map(each => ({ ...each, lease: each.lease === 0n ? undefined : String(each.lease) })),
          ),
        })
      }),
    )
  })

  it('has nothing to tell of what was written', () => {
    const responses = [
      { response_put: { prev_kv: keyValueOf(sample) } },
      { response_delete_range: { deleted: 3 } },
    ]
    const { results } = decodeTransaction(writeResponse({ succeeded: true, responses }))
    expect(results).toEqual([[], []])
  })

  it('may have fields that are not known yet', () => {
    const writer = new ProtoWriter()
    writer.int64(0x7f8, -1n)
    writer.text(0x7fa, 'new')
    writer.uint(0x10, 1)
    expect(decodeTransaction(writer.take())).toEqual({ succeeded: true, revision: 0n, results: [] })
  })

  it.each([
    ['cut off', Buffer.from([0x0a, 0x05, 0x18]), 'cut off'],
    ['cut off in a revision', Buffer.from([0x0a, 0x02, 0x18, 0x80]), 'cut off'],
    ['cut off in a length', Buffer.from([0x0a, 0x80]), 'cut off'],
    [
      'full of a number that never ends',
      Buffer.from([0x0a, 0x0d, 0x18, ...Array<number>(12).fill(0x80)]),
      'cut off',
    ],
    ['something else', Buffer.from('<html>'), 'no protobuf'],
  ])('is refused when it is %s', (_, bytes, message) => {
    expect(() => decodeTransaction(bytes)).toThrow(message)
  })
})

describe('What a stream of watches is asked', () => {
  it('is what etcd3 reads as that', () => {
    const watchId = fc.integer({ min: 1, max: 2 ** 31 - 1 })
    const startRevision = fc.option(int64, { nil: undefined })
    fc.assert(
      fc.property(range, fc.boolean(), watchId, startRevision, (keys, putsOnly, id, start) => {
        const watch = { ...keys, putsOnly, watchId: id, startRevision: start }
        expect(readWatchRequest(encodeWatchRequest({ type: 'create', watch }))).toMatchObject({
          request_union: 'create_request',
          create_request: {
            key: Buffer.from(keys.key),
            range_end: Buffer.from(keys.end ?? ''),
            start_revision: String(start ?? 0),
            progress_notify: true,
            filters: putsOnly ? ['Nodelete'] : [],
            watch_id: String(id),
          },
        })
        expect(readWatchRequest(encodeWatchRequest({ type: 'cancel', watchId: id }))).toMatchObject({
          cancel_request: { watch_id: String(id) },
        })
      }),
    )
    expect(readWatchRequest(encodeWatchRequest({ type: 'progress' }))).toMatchObject({ progress_request: {} })
  })
})

describe('What a stream of watches tells', () => {
  const event = fc.record({ isDelete: fc.boolean(), kv })
  const told = fc.record({
    watchId: fc.constantFrom(-1, 0, 1, 2 ** 31),
    revision: int64,
    created: fc.boolean(),
    canceled: fc.boolean(),
    compactRevision: int64,
    cancelReason: text,
    events: fc.array(event, { maxLength: 3 }),
  })

  it('is read as etcd3 has written it', () => {
    fc.assert(
      fc.property(told, ({ events, ...rest }) => {
        const bytes = writeWatchResponse({
          header: { cluster_id: '17', member_id: '18', revision: String(rest.revision), raft_term: 9 },
          watch_id: String(rest.watchId),
          created: rest.created,
          canceled: rest.canceled,
          compact_revision: String(rest.compactRevision),
          cancel_reason: rest.cancelReason,
          events: events.map(each => ({ type: each.isDelete ? 'Delete' : 'Put', kv: keyValueOf(each.kv) })),
        })
        expect(decodeWatchResponse(bytes)).toEqual({
          ...rest,
          clusterId: 17n,
          events: events.map(({ isDelete, kv: { lease: id, ...each } }) =>
            isDelete
              ? { type: 'delete', key: each.key, modRevision: each.modRevision }
              : { type: 'put', kv: { ...each, lease: id === 0n ? undefined : String(id) } },
          ),
        })
      }),
    )
  })
})

it('What a member says of itself is read as etcd3 has written it', () => {
  const status = { version: '3.5.16', dbSize: '20480', leader: '7', raftIndex: '12', raftTerm: '2' }
  expect(decodeVersion(writeStatusResponse({ header: { revision: '5' }, ...status }))).toBe('3.5.16')
  const members = ['a', 'b', 'c'].map(name => ({ ID: '1', name, peerURLs: ['http://x'], clientURLs: [] }))
  expect(decodeMembers(writeMemberList({ header: { revision: '5' }, members }))).toBe(3)
  expect([decodeVersion(Buffer.alloc(0)), decodeMembers(Buffer.alloc(0))]).toEqual(['', 0])
})

it('A reader passes over fields of all wire types', () => {
  const bytes = Buffer.from([
    0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x0d, 1, 2, 3, 4, 0x12, 2, 7, 7, 0x18, 0x80, 1, 0x20, 5,
  ])
  const reader = new ProtoReader(bytes)
  for (const tag of [0x09, 0x0d, 0x12, 0x18]) {
    expect(reader.uint()).toBe(tag)
    reader.skip(tag)
  }
  expect([reader.uint(), reader.uint(), reader.isBefore(bytes.length)]).toEqual([0x20, 5, false])
})

const sample = { key: 'k', value: 'v', createRevision: 1n, modRevision: 2n, lease: 3n }

function keyValueOf(each: typeof sample): object {
  return {
    key: Buffer.from(each.key),
    value: Buffer.from(each.value),
    create_revision: String(each.createRevision),
    mod_revision: String(each.modRevision),
    version: '7',
    lease: String(each.lease),
  }
}

/** As protobufjs shows it: enums by their names, int64 as text. */
function compareOf({ key, end = '', target, is, revision }: Compare): object {
  return {
    key: Buffer.from(key),
    range_end: Buffer.from(end),
    result: { '=': 'Equal', '!=': 'NotEqual', '<': 'Less', '>': 'Greater' }[is],
    ...(target === 'create'
      ? { target: 'Create', create_revision: String(revision) }
      : { target: 'Mod', mod_revision: String(revision) }),
  }
}

function opOf(each: Op): object {
  if (each.type === 'put') {
    const { key, value, lease: id = '0' } = each
    return { request_put: { key: Buffer.from(key), value: Buffer.from(value), lease: id } }
  }
  const keys = { key: Buffer.from(each.key), range_end: Buffer.from(each.end ?? '') }
  if (each.type === 'delete') return { request_delete_range: keys }
  const sorted = each.order === 'create'
  return {
    request_range: {
      ...keys,
      limit: String(each.limit ?? 0),
      sort_order: sorted ? 'Ascend' : 'None',
      sort_target: sorted ? 'Create' : 'Key',
    },
  }
}
