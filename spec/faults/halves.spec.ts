import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Lock } from '../../lib/index.js'
import type { KeyRange } from '../../lib/kv/key-value.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import type { Store, WatchListener } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'

const LATE_MS = 5
const terms = { concurrency: 1, ttl: 90 }
const key = new LockKey('custom', 'name')
let memory: MemoryStore
let holder: Lock
let waiter: Lock | undefined

beforeEach(() => {
  memory = new MemoryStore()
  holder = new Lock({ store: memory, prefix: 'custom', owner: 'holder', dryRun: false })
})
afterEach(async () => {
  await Promise.all([holder.close(), waiter?.close()])
  await memory.close()
})

/** A transaction changes the KeyLocks and a holder key, of which two watches tell. */
it.each([
  ['of the KeyLocks', (range: KeyRange) => range.key === key.path],
  ['of the holder keys', (range: KeyRange) => range.key === key.holders.key],
])('the first waiter makes no call in vain when news %s are late', async (_, isLate) => {
  let calls = 0
  const late = (listener: WatchListener): WatchListener => ({
    onEvents: events => void setTimeout(() => listener.onEvents(events), LATE_MS),
    onGap: () => listener.onGap(),
    onEnd: error => listener.onEnd(error),
  })
  const store: Store = {
    commit: transaction => {
      calls++
      return memory.commit(transaction)
    },
    watch: (range, listener) => memory.watch(range, isLate(range as KeyRange) ? late(listener) : listener),
    leases: memory.leases,
    close: () => Promise.resolve(),
  }
  waiter = new Lock({ store, prefix: 'custom', owner: 'waiter', dryRun: false })
  const held = await holder.hold('name', terms)
  const waiting = waiter.hold('name', terms)
  waiting.catch(() => {})
  // No release hands over to so long a ttl: it watches those before it at once.
  const QUEUED_AND_LOOKED = 2
  await eventually(() => expect(calls).toBe(QUEUED_AND_LOOKED))
  await held.release()
  const next = await waiting
  expect(calls).toBe(QUEUED_AND_LOOKED + 1)
  await next.release()
})
