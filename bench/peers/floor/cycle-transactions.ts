import { randomUUID } from 'node:crypto'
import type { KeyRange } from '../../../lib/kv/key-value.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Message } from './message.js'
import { compare, FAILURE, put, read, remove, SUCCESS } from './transaction.js'

/** How many waiters are read. */
const MOST_READ = 32

/** The two transactions of a client that alone wants one exclusive lock: keys, compares and reads are those of spicelock. */
export class CycleTransactions {
  private readonly path: KeyRange
  private readonly holders: KeyRange
  private readonly tickets: KeyRange
  private readonly id = randomUUID().replace(/^(.{14})./, '$18')

  /**
   * @param keys 2 for a KeyLocks and a holder key, 1 for a KeyLocks that stands for its only holder.
   * @param lease as a varint.
   */
  constructor(
    name: string,
    private readonly keys: 1 | 2,
    private readonly lease: Buffer,
  ) {
    const { path, holders, tickets } = new LockKey('custom', name)
    this.path = { key: path }
    this.holders = holders
    this.tickets = tickets
  }

  acquire(to: Message): void {
    compare(to, 'create', this.path, 0)
    compare(to, 'create', this.tickets, 0)
    compare(to, 'create', this.holders, 0)
    const terms = `"concurrency":1,"created":"${new Date().toISOString()}","owner":"bench","ttl":60`
    put(to, SUCCESS, this.path.key, `{"${this.id}":{${terms}}}`, this.lease)
    if (this.keys === 2) put(to, SUCCESS, this.holder, `{"id":"${this.id}",${terms}}`, this.lease)
    this.readElse(to)
  }

  /** @param revision at which it was acquired. */
  release(to: Message, revision: number): void {
    compare(to, 'mod', this.path, revision)
    compare(to, 'create', this.tickets, 0)
    remove(to, SUCCESS, this.path.key)
    if (this.keys === 2) remove(to, SUCCESS, this.holder)
    this.readElse(to)
  }

  private get holder(): string {
    return this.holders.key + this.id.slice(0, 23)
  }

  private readElse(to: Message): void {
    read(to, FAILURE, this.path)
    read(to, FAILURE, this.holders)
    read(to, FAILURE, this.tickets, MOST_READ)
  }
}
