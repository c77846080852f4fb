import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals'
import { pino } from 'pino'
import type { Op } from '../../../lib/kv/transaction.js'
import { acquire } from '../../../lib/lock/acquire/acquire.js'
import { SetWatcher } from '../../../lib/lock/acquire/set-watcher.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { systemHost } from '../../../lib/lock/engine/host.js'
import type { Holding } from '../../../lib/lock/engine/holdings.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import type { Watch } from '../../../lib/store/store.js'
import { eventually } from '../../support/eventually.js'
import { ManualClock } from '../../support/manual-clock.js'
import { whilePassing } from '../../support/while-passing.js'

const TERMS = { concurrency: 1, ttl: 30 }
const { path } = new LockKey('custom', 'name')
const REQUESTS: [string, string[]][] = [
  ['one lock', ['name']],
  ['a set', ['name', 'other']],
]

let memory: MemoryStore
/** Answers calls, and no watch. */
let silent: MemoryStore
let watches: number
let stand: () => void
let clock: ManualClock
let engine: Engine
beforeEach(() => {
  memory = new MemoryStore()
  watches = 0
  const ready = new Promise<void>(resolve => (stand = resolve))
  const watch = (): Watch => {
    watches++
    return { ready, close: () => {} }
  }
  silent = Object.assign(Object.create(memory) as MemoryStore, { watch })
  clock = new ManualClock()
  engine = new Engine(silent, { ...systemHost, clock }, pino({ level: 'silent' }))
})
afterEach(() => engine.close())

const applied = (op: Op): Promise<unknown> => memory.commit({ compare: [], success: [op], failure: [] })

/** Other software has the first of the locks. */
function putByOther(ttl: number): Promise<unknown> {
  const entry = { concurrency: 1, created: String(clock.now()), owner: 'other', ttl }
  return applied({ type: 'put', key: path, value: JSON.stringify({ [randomUUID()]: entry }) })
}

/** A request that waits for its watches, since other software has the first of its locks. */
async function ask(names: string[], ttlOfOther: number, waitMs: number): Promise<[Promise<Holding[]>]> {
  await putByOther(ttlOfOther)
  const terms = { uuid: newLockId(), owner: 'waiter', ...TERMS }
  const targets = names.map(name => ({ key: new LockKey('custom', name), terms }))
  const asked = acquire(engine, targets, { waitMs })
  await eventually(() => expect(watches).toBeGreaterThan(0))
  return [asked]
}

it('a set whose watches do not come hears at once of what its process has learned before', async () => {
  const terms = { uuid: randomUUID(), owner: 'waiter', ...TERMS }
  const targets = ['name', 'other'].map(name => ({ key: new LockKey('custom', name), terms }))
  const keys = targets.map(({ key }) => key)
  await putByOther(100)
  for (const key of keys) await applied({ type: 'put', key: key.ticket(terms.uuid), value: '{}' })
  const seen = await engine.read(keys)
  await applied({ type: 'delete', key: path })
  await engine.read(keys)
  const attempt = { joins: undefined, renewLeases: () => false }
  const watcher = new SetWatcher(engine, targets, new AbortController().signal, attempt, false)
  const next = watcher.next(targets.map((target, at) => ({ ...target, snapshot: seen[at]! })))
  await turn()
  clock.pass(1)
  expect((await next)[0]!.keyLocks).toBeUndefined()
  watcher.close()
})

it.each(REQUESTS)(
  'a request for %s whose watches do not come sees an entry of other software expire',
  async (_, names) => {
    const [asked] = await ask(names, 2, 10_000)
    expect(await whilePassing(clock, asked, 5_000)).toHaveLength(names.length)
  },
)

it.each(REQUESTS)('a request for %s whose watches do not come reads every 30 s', async (_, names) => {
  const [asked] = await ask(names, 100, 45_000)
  await applied({ type: 'delete', key: path })
  expect(await whilePassing(clock, asked, 5_000)).toHaveLength(names.length)
})

it.each(REQUESTS)(
  'a request for %s that has read without its watches reads when they stand',
  async (_, names) => {
    const [asked] = await ask(names, 100, 90_000)
    const commit = jest.spyOn(silent, 'commit')
    await eventually(() => {
      clock.pass(5_000)
      expect(commit).toHaveBeenCalledTimes(2)
    })
    await applied({ type: 'delete', key: path })
    stand()
    expect(await asked).toHaveLength(names.length)
  },
)
