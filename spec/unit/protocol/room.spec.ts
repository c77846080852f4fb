import { formatTerms } from '../../../lib/protocol/terms.js'
import { describe, expect, it } from '@jest/globals'
import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { KeyLocks } from '../../../lib/model/key-locks.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { decide, decideAll } from '../../../lib/protocol/decide.js'
import { watchedByAll } from '../../../lib/protocol/obstacle.js'
import { handOver } from '../../../lib/protocol/hand-over.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { bytesOf, MOST_BYTES } from '../../../lib/protocol/room.js'
import { keyLocksOf, readSnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')
const terms = { uuid: 'new', concurrency: 0 }
const ticket = { concurrency: 0, created: String(now), owner: 'waiter', ttl: 30, lease: '7' }

/** So many bytes of entries, some alive, some dead, with owners whose characters take two bytes. */
function held(bytes: number, tickets: readonly string[] = [], dead = 0): Snapshot {
  const entry = (owner: string): ConcurrentLock =>
    ConcurrentLock.fromDict(newLockId(), { concurrency: 0, created: String(now), owner, ttl: 60 })
  const locks: ConcurrentLock[] = []
  const bytesNow = (): number => Buffer.byteLength(new KeyLocks(key.path, locks).toJson())
  const sizeOfOne = Buffer.byteLength(new KeyLocks(key.path, [entry('ö'.repeat(500))]).toJson()) + 2
  while (locks.length < Math.floor(bytes / sizeOfOne) - 2) locks.push(entry('ö'.repeat(500)))
  const rest = entry('x')
  locks.push(rest)
  locks[locks.length - 1] = entry('x'.repeat(bytes - bytesNow() + 1))
  const alive = locks.slice()
  for (let count = 0; count < dead; count++) locks.push(entry('ö'.repeat(500)))
  const kv = (path: string, value: string, revision = 5n) => {
    return { key: path, value, createRevision: revision, modRevision: revision, lease: undefined }
  }
  const results = [
    [kv(key.path, new KeyLocks(key.path, locks).toJson())],
    alive.map(lock => kv(key.holder(lock.uuid), formatTerms(lock))),
    tickets.map((id, at) => kv(key.ticket(id), JSON.stringify(ticket), 6n + BigInt(at))),
  ]
  return readSnapshot(key, { succeeded: true, revision: 9n, results })
}

const bytes = (snapshot: Snapshot): number =>
  bytesOf(keyLocksOf(snapshot), { now, alive: new Set(snapshot.holders.keys()) })

describe('A KeyLocks', () => {
  it('takes one more holder up to its bytes, and none beyond', () => {
    const [last, full] = [held(MOST_BYTES), held(MOST_BYTES + 1)]
    expect([bytes(last), bytes(full)]).toEqual([MOST_BYTES, MOST_BYTES + 1])
    expect(decide(last, terms, now)).toEqual({ kind: 'grant' })
    expect(decide(full, terms, now)).toEqual({ kind: 'blocked' })
  })

  it('that is full lets a newcomer wait, which is told of the holders that leave', () => {
    const full = held(MOST_BYTES + 1, ['new'])
    expect(decide(full, terms, now)).toEqual({ kind: 'wait', place: 1, until: undefined })
    expect(watchedByAll([{ snapshot: full, terms }], now)).toEqual(
      expect.arrayContaining([{ key: key.path }, key.holders]),
    )
  })

  it('has room where the dead were', () => {
    const snapshot = held(MOST_BYTES, [], 10)
    expect(Buffer.byteLength(snapshot.keyLocks!.value)).toBeGreaterThan(MOST_BYTES + 10_000)
    expect(decide(snapshot, terms, now)).toEqual({ kind: 'grant' })
  })

  it('is handed over while there is room', () => {
    const handed = (snapshot: Snapshot): string[] =>
      handOver(snapshot, keyLocksOf(snapshot), now, 3).map(({ uuid }) => uuid)
    expect(handed(held(MOST_BYTES - 1_000, ['b', 'c']))).toEqual(['b', 'c'])
    expect(handed(held(MOST_BYTES - 50, ['b', 'c']))).toEqual(['b'])
    expect(handed(held(MOST_BYTES + 1, ['b', 'c']))).toEqual([])
  })

  it('has its share of what several take at once', () => {
    const of = (each: number) => [1, 2, 3].map(() => ({ snapshot: held(each), terms }))
    expect(decideAll(of(MOST_BYTES / 3 - 1), now)).toEqual({ kind: 'grant' })
    expect(decideAll(of(MOST_BYTES / 3 + 1), now)).toEqual({ kind: 'blocked' })
    const [full, free] = [held(MOST_BYTES / 2 + 1, ['new']), held(2_000, ['new'])]
    const parts = [full, free].map(snapshot => ({ snapshot, terms }))
    expect(decideAll(parts, now)).toMatchObject({ kind: 'wait' })
    expect(watchedByAll(parts, now)).toEqual(expect.arrayContaining([{ key: key.path }, key.holders]))
  })
})
