import { Lock } from '../../lib/index.js'
import { now } from '../now.js'

/** A process that takes a lock, and renews it as long as it lives. */
export class TakingProcess {
  private readonly lock: Lock

  constructor(endpoint: string) {
    const config = { endpoints: [endpoint] }
    this.lock = new Lock({ config, prefix: 'custom', owner: 'bench', dryRun: false })
  }

  /** Waits for the lock. Resolves to the moment from which it is held, see {@link now}. */
  async take({ name, ttl }: { readonly name: string; readonly ttl: number }): Promise<number> {
    await this.lock.exclusive(name, { ttl, wait: Infinity })
    return now()
  }

  close(): Promise<void> {
    return this.lock.close()
  }
}
