import { beforeEach, describe, expect, it, jest } from '@jest/globals'
import { pino } from 'pino'
import type { Transaction, TransactionResult } from '../../../lib/kv/transaction.js'
import { Coordinator, type TurnResult } from '../../../lib/lock/engine/coordinator.js'
import type { LocalWaiter } from '../../../lib/lock/engine/local-queue.js'
import { SnapshotCache } from '../../../lib/lock/engine/snapshot-cache.js'
import { LockIds } from '../../../lib/model/lock-ids.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot, readSnapshot, type Snapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { StoreError } from '../../../lib/store/store-error.js'
import type { CallOptions } from '../../../lib/store/store.js'
import { ManualClock } from '../../support/manual-clock.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')
const within: CallOptions = { timeoutMs: 10_000 }

/** One name, one process, and a store whose next calls can be held back or lost. */
class Bench {
  readonly clock = new ManualClock()
  readonly store = new MemoryStore()
  readonly snapshots = new SnapshotCache()
  readonly sent: Transaction[] = []
  readonly told: string[] = []
  /** Whether the leases of its waiters are. */
  areFresh = true
  private readonly ids = new LockIds()
  readonly newId = (): string => this.ids.take(['rack'])
  /** What befalls the next calls, in their order. */
  readonly faults: ((work: () => Promise<TransactionResult>) => Promise<TransactionResult>)[] = []
  readonly coordinator = new Coordinator(
    {
      store: this.store,
      clock: this.clock,
      log: pino({ level: 'silent' }),
      snapshots: this.snapshots,
      commit: transaction => this.commit(transaction),
    },
    key,
  )

  async join(
    name: string,
    { isAlive = true, concurrency = 1, ttl = 30, wait = within } = {},
  ): Promise<Joined> {
    const { leases } = this.store
    const [holder, ticket] = await Promise.all([leases.grant(ttl), leases.grant(15)])
    if (!isAlive) await Promise.all([holder, ticket].map(({ id }) => leases.revoke(id)))
    const uuid = this.newId()
    this.coordinator.enter()
    const request = {
      uuid,
      owner: name,
      concurrency,
      ttl,
      holderLease: holder.id,
      ticketLease: ticket.id,
      handoffAllowed: true,
    }
    const intent = { uuid, join: { request, created: now, extraOps: [] }, from: emptySnapshot(key) }
    return { uuid, result: this.coordinator.join(intent, wait, this.waiterOf(name)) }
  }

  release(uuid: string, from: Snapshot = this.snapshots.get(key), time = within): Promise<TurnResult> {
    return this.coordinator.release({ uuid, mostSuccessors: 16, from }, time)
  }

  async read(): Promise<{ holders: string[]; tickets: string[] }> {
    const reads = { compare: [], success: snapshotReads(key), failure: [] }
    const { holders, tickets } = readSnapshot(key, await this.store.commit(reads))
    return { holders: [...holders.keys()], tickets: [...tickets.keys()] }
  }

  /** Holds the next call back until the returned function is called. */
  holdBack(): () => void {
    let go = (): void => {}
    const gate = new Promise<void>(resolve => (go = resolve))
    this.faults.push(async work => {
      await gate
      return work()
    })
    return go
  }

  private waiterOf(name: string): LocalWaiter {
    const tell = (what: string) => () => void this.told.push(`${name} ${what}`)
    return {
      onHandOver: () => {
        tell('hand-over')()
        return !this.areFresh
      },
      onGranted: tell('granted'),
      onFirst: tell('first'),
      onProgress: tell('progress'),
      onFreed: tell('freed'),
    }
  }

  private commit(transaction: Transaction): Promise<TransactionResult> {
    this.sent.push(transaction)
    const fault = this.faults.shift()
    const work = (): Promise<TransactionResult> => this.store.commit(transaction)
    return fault ? fault(work) : work()
  }
}

interface Joined {
  readonly uuid: string
  readonly result: Promise<TurnResult>
}

const lost = (): Promise<never> => Promise.reject(new StoreError('unreachable', 'The test cut the line.'))

async function grantedTo({ uuid, result }: Joined): Promise<boolean> {
  const answer = await result
  return answer.kind === 'answered' && answer.succeeded && answer.composition.granted.includes(uuid)
}

async function hasTicket({ uuid, result }: Joined): Promise<boolean> {
  const answer = await result
  return answer.kind === 'answered' && answer.after.tickets.has(uuid)
}

describe('A coordinator', () => {
  let bench: Bench
  beforeEach(() => {
    bench = new Bench()
  })

  it('takes a free lock in one call', async () => {
    expect(await grantedTo(await bench.join('a'))).toBe(true)
    expect(bench.sent).toHaveLength(1)
  })

  it('lets those that come while a call is under way join in the next one, in their order', async () => {
    const goOn = bench.holdBack()
    const all = [await bench.join('a'), await bench.join('b'), await bench.join('c')]
    goOn()
    expect(await Promise.all(all.map(grantedTo))).toEqual([true, false, false])
    expect(await Promise.all(all.map(hasTicket))).toEqual([false, true, true])
    const [a, b, c] = all.map(({ uuid }) => uuid)
    expect(await bench.read()).toEqual({ holders: [a], tickets: [b, c] })
    expect(bench.told).toEqual(['b first'])
    expect(bench.sent).toHaveLength(2)
  })

  it('releases, hands over and takes a new ticket in one call', async () => {
    const a = await bench.join('a')
    await a.result
    const b = await bench.join('b')
    await b.result
    const before = bench.sent.length
    const c = await bench.join('c')
    const released = await bench.release(a.uuid)
    expect(await hasTicket(c)).toBe(true)
    expect(released).toMatchObject({ kind: 'answered', succeeded: true })
    expect(bench.sent).toHaveLength(before + 1)
    expect(await bench.read()).toEqual({ holders: [b.uuid], tickets: [c.uuid] })
    expect(bench.told).toEqual(['b first', 'b hand-over', 'b granted', 'b progress'])
  })

  describe('of a request that would wait behind others of its process', () => {
    let a: Joined
    beforeEach(async () => {
      a = await bench.join('a')
      await a.result
      await (
        await bench.join('b')
      ).result
      bench.sent.length = 0
    })

    it('keeps the ticket back for twenty milliseconds', async () => {
      const c = await bench.join('c')
      bench.clock.pass(19)
      expect(bench.sent).toHaveLength(0)
      bench.clock.pass(1)
      expect(await hasTicket(c)).toBe(true)
      expect(bench.sent).toHaveLength(1)
    })

    it('keeps it back from the answer to the call during which it comes', async () => {
      const goOn = bench.holdBack()
      const released = bench.release(a.uuid)
      const c = await bench.join('c')
      bench.clock.pass(20)
      goOn()
      await released
      expect(bench.sent).toHaveLength(1)
      bench.clock.pass(20)
      expect(await hasTicket(c)).toBe(true)
    })

    it('does so each time', async () => {
      for (const name of ['c', 'd']) {
        const joined = await bench.join(name)
        bench.clock.pass(20)
        expect(await hasTicket(joined)).toBe(true)
      }
      expect(bench.sent).toHaveLength(2)
    })
  })

  it('has the leases of the next renewed with those of the waiter that is handed the lock', async () => {
    bench.areFresh = false
    const [a, ...waiting] = [await bench.join('a'), await bench.join('b'), await bench.join('c')]
    waiting.push(await bench.join('d'))
    bench.clock.pass(20)
    for (const each of waiting) expect(await hasTicket(each)).toBe(true)
    await bench.release(a.uuid)
    expect(bench.told.filter(news => news.endsWith('hand-over'))).toEqual(['b hand-over', 'c hand-over'])
  })

  it('tells the first that waits when a holder of its process leaves without handing over', async () => {
    const a = await bench.join('a')
    await a.result
    const b = await bench.join('b', { ttl: 90 })
    await b.result
    await bench.release(a.uuid)
    expect(bench.told).toEqual(['b first', 'b freed'])
  })

  it('does not tell the first that waits of others that join', async () => {
    await (
      await bench.join('a')
    ).result
    await (
      await bench.join('b')
    ).result
    const c = await bench.join('c')
    bench.clock.pass(20)
    await c.result
    expect(bench.told).toEqual(['b first'])
  })

  it('sends each alone when etcd refuses them together: the healthy ones go through, and the guilty one gets the error', async () => {
    const goOn = bench.holdBack()
    const a = await bench.join('a', { concurrency: 0 })
    const b = await bench.join('b', { concurrency: 0 })
    const dead = await bench.join('dead', { concurrency: 0, isAlive: false })
    const c = await bench.join('c', { concurrency: 0 })
    for (const { result } of [b, c]) result.catch(() => {})
    goOn()
    await expect(dead.result).rejects.toMatchObject({ reason: 'lease-not-found' })
    expect(await grantedTo(a)).toBe(true)
    for (const { result } of [b, c]) expect(await result).toMatchObject({ kind: 'answered' })
    expect(bench.sent).toHaveLength(5)
  })

  it('tells all that no answer came, and sends nothing again', async () => {
    const goOn = bench.holdBack()
    const a = await bench.join('a')
    const [b, c] = [await bench.join('b'), await bench.join('c')]
    bench.faults.push(lost)
    goOn()
    await a.result
    for (const { result } of [b, c]) await expect(result).rejects.toMatchObject({ reason: 'unreachable' })
    expect(bench.sent).toHaveLength(2)
    expect(bench.snapshots.get(key)).toEqual(emptySnapshot(key))
  })

  it('goes by what is read after an answer that was lost, and not by what it knew before', async () => {
    const a = await bench.join('a')
    await a.result
    bench.faults.push(async work => {
      await work()
      return lost()
    })
    await expect(bench.release(a.uuid)).rejects.toMatchObject({ reason: 'unreachable' })
    expect(await bench.release(a.uuid)).toEqual({ kind: 'unseen' })
  })

  it('is over for a holder that it does not see: a read must tell', async () => {
    expect(await bench.release(bench.newId())).toEqual({ kind: 'unseen' })
    expect(bench.sent).toHaveLength(0)
    expect(bench.coordinator.isIdle).toBe(true)
  })

  it('leaves nobody without an answer, whatever is thrown on the way', async () => {
    const a = await bench.join('a')
    await a.result
    await (
      await bench.join('b')
    ).result
    jest.spyOn(bench.told, 'push').mockImplementation(() => {
      throw new Error('The test broke it.')
    })
    await expect(bench.release(a.uuid)).rejects.toThrow('The test broke it.')
    jest.restoreAllMocks()
    const c = await bench.join('c')
    bench.clock.pass(20)
    expect(await hasTicket(c)).toBe(true)
  })

  it('is over when what it was told cannot be read', async () => {
    const kv = { key: key.path, value: 'x', createRevision: 5n, modRevision: 5n, lease: undefined }
    const unreadable = { ...emptySnapshot(key), revision: 5n, keyLocks: kv }
    await expect(bench.release(bench.newId(), unreadable)).rejects.toMatchObject({ code: 'LOCK_UNREADABLE' })
    expect(bench.coordinator.isIdle).toBe(true)
  })

  describe('while etcd keeps silent', () => {
    const over = { left: 0 }
    const impatient = {
      get timeoutMs() {
        return over.left
      },
    }
    let silence: () => void
    let a: Joined
    let b: Joined
    beforeEach(async () => {
      over.left = 50
      const first = bench.holdBack()
      const other = await bench.join('other')
      silence = bench.holdBack()
      a = await bench.join('a', { wait: impatient })
      b = await bench.join('b')
      first()
      await other.result
      over.left = 0
      a.result.catch(() => {})
      bench.clock.pass(50)
    })

    it('ends those whose time is over, and no others', async () => {
      await expect(a.result).rejects.toMatchObject({ reason: 'unreachable' })
      silence()
      expect(await hasTicket(b)).toBe(true)
    })

    it('does not take those that have gone for waiters, when an answer comes', async () => {
      await expect(a.result).rejects.toMatchObject({ reason: 'unreachable' })
      bench.coordinator.leave(a.uuid)
      silence()
      await b.result
      expect(bench.told).toEqual(['b first'])
    })

    it('sets no more timers for them', async () => {
      await expect(a.result).rejects.toMatchObject({ reason: 'unreachable' })
      const timer = jest.spyOn(bench.clock, 'timer')
      bench.clock.pass(20)
      expect(timer).not.toHaveBeenCalled()
      silence()
    })
  })

  it('ends one that has less time than those that came before it', async () => {
    const goOn = bench.holdBack()
    const start = bench.clock.monotonic()
    const budget = (ms: number): CallOptions => ({
      get timeoutMs() {
        return start + ms - bench.clock.monotonic()
      },
    })
    await bench.join('a', { wait: budget(120_000) })
    await bench.join('b', { wait: budget(110_000) })
    const { result } = await bench.join('c', { wait: budget(5_000) })
    result.catch(() => {})
    bench.clock.pass(6_000)
    await expect(result).rejects.toMatchObject({ reason: 'unreachable' })
    goOn()
  })

  it('sends nothing again when etcd says that its space is used up, which it says of what it has applied, too', async () => {
    const goOn = bench.holdBack()
    const a = await bench.join('a')
    const [b, c] = [await bench.join('b'), await bench.join('c')]
    bench.faults.push(async work => {
      await work()
      throw new StoreError('refused', 'etcdserver: mvcc: database space exceeded')
    })
    goOn()
    await a.result
    for (const { result } of [b, c]) await expect(result).rejects.toMatchObject({ reason: 'refused' })
    expect(bench.sent).toHaveLength(2)
  })

  it('sends nothing again for those whose time was over when etcd refuses', async () => {
    const over = { timeoutMs: 50 }
    const goOn = bench.holdBack()
    bench.faults.push(async () => {
      over.timeoutMs = 0
      bench.clock.pass(50)
      await Promise.resolve()
      throw new StoreError('lease-not-found', 'The test ended a lease.')
    })
    const a = await bench.join('a')
    const [b, c] = [await bench.join('b', { wait: over }), await bench.join('c')]
    goOn()
    await expect(b.result).rejects.toMatchObject({ reason: 'unreachable' })
    expect(await hasTicket(c)).toBe(true)
    expect(await bench.read()).toEqual({ holders: [a.uuid], tickets: [c.uuid] })
  })
})
