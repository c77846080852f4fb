import { LockIds } from '../../lib/model/lock-ids.js'
import { expect } from '@jest/globals'
import { pino } from 'pino'
import type { KeyValue } from '../../lib/kv/key-value.js'
import { acquire, type WaitOptions } from '../../lib/lock/acquire/acquire.js'
import { Engine } from '../../lib/lock/engine/engine.js'
import { extendOwn } from '../../lib/lock/extend/extend.js'
import type { Holding } from '../../lib/lock/engine/holdings.js'
import { LockError } from '../../lib/model/errors.js'
import { releaseById } from '../../lib/lock/release/release.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { LockTerms } from '../../lib/protocol/request.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { eventually } from './eventually.js'
import { FaultyStore } from './faulty-store.js'
import { VirtualTime } from './virtual-time.js'

const log = pino({ level: 'silent' })

/** One lock in a small etcd, or several that we want at once; us, whose line to it may fail, and a rival, whose line is good. */
export class World {
  static readonly TTL = 60

  /** What we want. */
  readonly keys: readonly LockKey[]
  /** The last of it, which the rival wants, too. */
  readonly key: LockKey
  readonly time = new VirtualTime()
  readonly memory = new MemoryStore(this.time.timers)
  readonly line = new FaultyStore(this.memory)
  readonly us = new Engine(this.line, { clock: this.time.clock, ids: new LockIds() }, log)
  readonly rival = new Engine(
    new FaultyStore(this.memory),
    { clock: this.time.clock, ids: new LockIds() },
    log,
  )
  private theirs: string | undefined
  private queueing: Promise<Holding> | undefined

  constructor(locks = 1) {
    const names = ['fought over', 'wanted, too', 'and this'].slice(0, locks)
    this.keys = names.map(name => new LockKey('custom', name)).reverse()
    this.key = this.keys.at(-1)!
  }

  /** Resolves to the holding of what the rival wants. */
  async acquire(concurrency: number, options: Partial<WaitOptions> = {}): Promise<Holding> {
    const terms = this.terms('us', concurrency)
    const parts = this.keys.map(key => ({ key, terms }))
    const holdings = await acquire(this.us, parts, { waitMs: 60_000, ...options })
    return holdings.at(-1)!
  }

  async release({ uuid }: Pick<Holding, 'uuid'>): Promise<void> {
    await releaseById(this.us, this.keys, uuid)
  }

  async extend({ uuid }: Holding, ttl: number): Promise<void> {
    const moved = await extendOwn(this.us, this.keys, uuid, ttl)
    if (!moved) throw new LockError('Nobody holds.')
  }

  /** The rival tries once. */
  rivalTries(concurrency: number): Promise<Holding> {
    return this.rivalAcquires(this.terms('rival', concurrency), 0)
  }

  async rivalHolds(concurrency: number): Promise<void> {
    this.theirs = (await this.rivalTries(concurrency)).uuid
  }

  /** The rival queues up behind us. */
  async rivalQueues(concurrency: number): Promise<void> {
    const terms = this.terms('rival', concurrency)
    this.queueing = this.rivalAcquires(terms, 60_000)
    await eventually(async () => {
      const { tickets, holders } = await this.rival.readOne(this.key)
      expect([...tickets.keys(), ...holders.keys()]).toContain(terms.uuid)
    })
  }

  /** What the rival took by {@link rivalHolds}, or takes when its turn comes. */
  async rivalReleases(): Promise<void> {
    const uuid = (await this.queueing)?.uuid ?? this.theirs
    this.theirs = this.queueing = undefined
    if (uuid) await releaseById(this.rival, [this.key], uuid)
  }

  /** We have leases in store, a third of whose time has passed. */
  async haveUsedLeases(): Promise<void> {
    await this.release(await this.acquire(1))
    this.time.turn(14_000)
  }

  async stored(): Promise<readonly KeyValue[]> {
    const all = { type: 'range' as const, key: '/', end: '0' }
    const { results } = await this.memory.commit({ compare: [], success: [all], failure: [] })
    return results[0]!
  }

  private async rivalAcquires(terms: LockTerms, waitMs: number): Promise<Holding> {
    const [holding] = await acquire(this.rival, [{ key: this.key, terms }], { waitMs })
    return holding!
  }

  private terms(owner: 'us' | 'rival', concurrency: number): LockTerms {
    const uuid =
      owner === 'us'
        ? this.us.ids.take(this.keys.map(({ path }) => path))
        : this.rival.ids.take([this.key.path])
    return { uuid, owner, concurrency, ttl: World.TTL }
  }
}
