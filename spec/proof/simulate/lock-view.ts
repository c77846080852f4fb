import type { KeyValue } from '../../../lib/kv/key-value.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { inOrder, readSnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Etcd } from './etcd.js'

export const PREFIX = 'custom'

/** One lock as etcd has it now. */
export class LockView {
  readonly key: LockKey

  constructor(
    private readonly etcd: Etcd,
    readonly name: string,
  ) {
    this.key = new LockKey(PREFIX, name)
  }

  get keyLocks(): KeyValue | undefined {
    return this.etcd.keys.get(this.key.path)
  }

  get holders(): KeyValue[] {
    return this.under(this.key.holders.key)
  }

  /** First come first; those of one transaction as their ids were made. */
  get tickets(): KeyValue[] {
    return inOrder(this.under(this.key.tickets.key))
  }

  get snapshot(): Snapshot {
    const results = [this.keyLocks ? [this.keyLocks] : [], this.holders, this.tickets]
    return readSnapshot(this.key, { succeeded: true, revision: 0n, results })
  }

  holder(uuid: string): KeyValue | undefined {
    return this.etcd.keys.get(this.key.holder(uuid))
  }

  private under(prefix: string): KeyValue[] {
    const found: KeyValue[] = []
    for (const [key, kv] of this.etcd.keys) if (key.startsWith(prefix)) found.push(kv)
    return found
  }
}

/** The smallest limit that any of these sets; Infinity when none does. */
export function smallestLimit(concurrencies: readonly number[]): number {
  return Math.min(...concurrencies.map(concurrency => concurrency || Infinity))
}
