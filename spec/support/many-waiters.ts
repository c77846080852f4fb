import { Lock } from '../../lib/index.js'

/** A process that waits many times for one lock, and says `waiting`. */
const { endpoints, name, waiters } = JSON.parse(process.argv[2]!) as ManyWaitersOptions

const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner: 'many', dryRun: false })
for (let waiter = 0; waiter < waiters; waiter++)
  void lock.acquire(name, { concurrency: 1, ttl: 60, wait: 600 }).catch(() => {})
while ((await lock.inspect(name)).waiters.length < waiters)
  await new Promise(resolve => setTimeout(resolve, 50))
process.stdout.write('waiting\n')

export interface ManyWaitersOptions {
  readonly endpoints: readonly string[]
  readonly name: string
  readonly waiters: number
}
