import type { KeyRange, LeaseId } from '../../../lib/kv/key-value.js'
import type { Transaction, TransactionResult } from '../../../lib/kv/transaction.js'
import { StoreError } from '../../../lib/store/store-error.js'
import type { CallOptions, Leases, Store, Watch, WatchListener } from '../../../lib/store/store.js'
import type { Etcd } from './etcd.js'
import type { Host } from './host.js'
import { LinkedWatch } from './linked-watch.js'
import type { Scheduler } from './scheduler.js'
import type { Weather } from './weather.js'

/** The network between one process and etcd. */
export class Link implements Store {
  readonly leases: Leases = {
    grant: (ttl, options) =>
      this.call(
        'grant',
        () => `${ttl} s`,
        () => this.etcd.store.leases.grant(ttl),
        options,
      ),
    renew: (id, options) =>
      this.call(
        'renew',
        () => id,
        () => this.etcd.store.leases.renew(id),
        options,
      ),
    remaining: (id, options) =>
      this.call(
        'ask of',
        () => id,
        () => this.etcd.store.leases.remaining(id),
        options,
      ),
    revoke: (id: LeaseId, options?: CallOptions) =>
      this.call(
        'revoke',
        () => id,
        () => this.etcd.store.leases.revoke(id),
        options,
      ),
  }

  constructor(
    private readonly scheduler: Scheduler,
    private readonly weather: Weather,
    private readonly etcd: Etcd,
    private readonly host: Host,
  ) {}

  commit(transaction: Transaction, options?: CallOptions): Promise<TransactionResult> {
    return this.call(
      'commit',
      () => describe(transaction),
      () => this.etcd.store.commit(transaction),
      options,
    )
  }

  watch(range: KeyRange, listener: WatchListener): Watch {
    return new LinkedWatch(this.scheduler, this.weather, this.etcd, this.host, range, listener)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  private call<T>(
    what: string,
    words: () => string,
    work: () => Promise<T>,
    { timeoutMs = Infinity }: CallOptions = {},
  ): Promise<T> {
    const { scheduler, weather, etcd, host } = this
    scheduler.trace.add(scheduler.now, host.name, what, words)
    const { there, back } = weather.fateOf(host)
    return new Promise((resolve, reject) => {
      const within = Math.max(0, Math.min(timeoutMs, weather.climate.callTimeout))
      const timeout = scheduler.after(within, host, 'no answer', () => {
        reject(new StoreError('unreachable', 'The simulated call took too long.'))
      })
      const answer = (then: () => void): void => {
        weather.strike(host, etcd)
        if (back === Infinity) return
        scheduler.after(back, host, 'answer', () => {
          if (!timeout.run) return
          timeout.run = undefined
          then()
        })
      }
      if (there < Infinity) {
        scheduler.after(there, undefined, what, () => {
          etcd.serve(host, work).then(
            value => answer(() => resolve(value)),
            (error: Error) => answer(() => reject(error)),
          )
        })
      }
      weather.strike(host, etcd)
    })
  }
}

function describe({ compare, success, failure }: Transaction): string {
  const writes = success.flatMap(op => (op.type === 'range' ? [] : [`${op.type} ${op.key}`]))
  const otherwise = failure.flatMap(op => (op.type === 'range' ? [] : [`${op.type} ${op.key}`]))
  const conditions = compare.map(({ key, target, is, revision }) => `${key} ${target} ${is} ${revision}`)
  return `if ${conditions.join(', ')} then ${writes.join(', ')} else ${otherwise.join(', ')}`
}
