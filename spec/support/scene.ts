import { expect } from '@jest/globals'
import type { HeldLock, Lock } from '../../lib/index.js'
import { ContenderProcess } from './contender-process.js'
import { freshName, lockAt } from './etcd.js'
import { eventually } from './eventually.js'

interface Terms {
  readonly concurrency: number
  readonly ttl: number
  readonly keepAlive?: boolean
  readonly wait?: number
}

/** One lock name and those who contend for it: a test with a scene of its own can run beside others. */
export class Scene implements AsyncDisposable {
  readonly name = freshName()
  readonly lock: Lock
  private readonly others: Lock[] = []

  constructor(
    private readonly etcd: { readonly endpoints: string[] },
    private readonly terms: Terms,
    private readonly config: { readonly read_timeout?: number } = {},
  ) {
    this.lock = this.lockOf('tester')
  }

  /** Somebody in this process, with a connection to etcd of its own. */
  hold(owner: string, options: Partial<Terms> = {}): Promise<HeldLock> {
    const lock = this.lockOf(owner)
    this.others.push(lock)
    return lock.hold(this.name, { wait: 60, ...this.terms, ...options })
  }

  /** A process of its own, which can be paused and killed. Resolves when it can talk to etcd. */
  contender(
    owner: string,
    options: Partial<Terms> & { readonly clockOffset?: number } = {},
  ): Promise<ContenderProcess> {
    const { endpoints } = this.etcd
    return ContenderProcess.start({ endpoints, name: this.name, owner, ...this.terms, ...options })
  }

  async owners(): Promise<{ holders: (string | undefined)[]; waiters: (string | undefined)[] }> {
    const { holders, waiters } = await this.lock.inspect(this.name)
    return { holders: holders.map(({ owner }) => owner), waiters: waiters.map(({ owner }) => owner) }
  }

  /** Resolves when these wait, in this order. */
  async queueOf(owners: readonly string[]): Promise<void> {
    await eventually(async () => expect((await this.owners()).waiters).toEqual(owners))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.lock, ...this.others].map(lock => lock.close()))
  }

  private lockOf(owner: string): Lock {
    const { endpoints } = this.etcd
    return lockAt(endpoints[0]!, { config: { endpoints, ...this.config }, owner })
  }
}
