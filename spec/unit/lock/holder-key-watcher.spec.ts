import { expect, it } from '@jest/globals'
import { pino } from 'pino'
import type { KeyEvent, KeyValue } from '../../../lib/kv/key-value.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { systemHost } from '../../../lib/lock/engine/host.js'
import { HolderKeyWatcher } from '../../../lib/lock/hold/holder-key-watcher.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/testing/index.js'

const key = new LockKey('custom', 'rack')
const uuid = '0a1b2c3d-4e5f-8000-8007-000001abcdef'
const token = 5n

/** What the watcher tells of these events, which come at once. */
function told(...events: KeyEvent[]): (KeyValue | undefined)[] {
  const seen: (KeyValue | undefined)[] = []
  const engine = new Engine(new MemoryStore(), systemHost, pino({ level: 'silent' }))
  const listener = { onSeen: (kv: KeyValue | undefined) => void seen.push(kv) }
  new HolderKeyWatcher(engine, { key, holderKey: key.holder(uuid), uuid, token }, listener).onEvents(events)
  return seen
}

const gone = (modRevision: bigint): KeyEvent => ({ type: 'delete', key: key.holder(uuid), modRevision })
const put = (createRevision: bigint, modRevision = createRevision) => {
  const kv = { key: key.holder(uuid), value: '{}', createRevision, modRevision, lease: '7' }
  return { type: 'put', kv } as const
}

it('A holder is told of the end of its key', () => {
  expect(told(gone(6n))).toStrictEqual([undefined])
  expect(told(put(token, 6n), gone(7n))).toStrictEqual([undefined])
})

it('A holder is told nothing of the holding that had its key before, by a member of etcd that lags', () => {
  expect(told(gone(4n))).toStrictEqual([])
  expect(told(put(3n), gone(4n))).toStrictEqual([])
})

it('A holder is told what its key has become, and that another has it', () => {
  const [changed, another] = [put(token, 8n), put(9n)]
  expect(told(gone(4n), put(token), changed)).toStrictEqual([changed.kv])
  expect(told(gone(6n), another)).toStrictEqual([undefined])
})
