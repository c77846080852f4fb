import type { KeyEvent, KeyValue, LeaseId } from '../../../lib/kv/key-value.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import type { Host } from './host.js'
import type { Random } from './random.js'
import type { Scheduler } from './scheduler.js'

/** Why something has changed in etcd: a call of a process, the end of a lease, or a fault. */
export type Cause = Host | 'expiry' | 'fault'

/** The one etcd of a run, and the truth: its keys at every revision, and why they have changed. */
export class Etcd {
  readonly store: MemoryStore
  readonly keys = new Map<string, KeyValue>()
  cause: Cause = 'fault'
  /** Called at each revision, after {@link keys} has changed. */
  onRevision: (events: readonly KeyEvent[]) => void = () => {}

  constructor(
    private readonly scheduler: Scheduler,
    lateness: () => number,
  ) {
    this.store = new MemoryStore({
      now: () => scheduler.now,
      after: (ms, work) => {
        const event = scheduler.after(ms + lateness(), undefined, 'expiry', () => {
          this.cause = 'expiry'
          work()
        })
        return () => (event.run = undefined)
      },
    })
    this.store.watch(
      { key: '\0', end: '\u{10ffff}' },
      {
        onEvents: events => this.see(events),
        onGap: () => {},
        onEnd: () => {},
      },
    )
  }

  get leases(): ReadonlyMap<LeaseId, { readonly ttl: number }> {
    return this.store['live']
  }

  /** Serves a request now. */
  serve<T>(host: Host, work: () => Promise<T>): Promise<T> {
    this.cause = host
    return work()
  }

  /** Ends a lease as an operator may. */
  revokeAny(random: Random): void {
    const ids = [...this.leases.keys()]
    if (ids.length === 0) return
    const id = random.pick(ids)
    this.scheduler.after(random.anyScale(0.01, 1_000), undefined, 'revoke', () => {
      this.cause = 'fault'
      void this.store.leases.revoke(id)
    })
  }

  private see(events: readonly KeyEvent[]): void {
    for (const event of events) {
      if (event.type === 'put') this.keys.set(event.kv.key, event.kv)
      else this.keys.delete(event.key)
      const at = event.type === 'put' ? event.kv.modRevision : event.modRevision
      this.scheduler.trace.add(this.scheduler.now, 'etcd', event.type, () => `${at} ${describe(event)}`)
    }
    this.onRevision(events)
  }
}

function describe(event: KeyEvent): string {
  if (event.type === 'delete') return event.key
  const { key, value, lease } = event.kv
  return `${key} on ${lease ?? 'no lease'}: ${value}`
}
