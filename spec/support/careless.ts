import { Lock } from '../../lib/index.js'

/** A process that uses a lock, is told to wait in vain for another, and never closes anything. */
const [endpoint, taken] = process.argv.slice(2)
const lock = new Lock({
  config: { endpoints: [endpoint!] },
  prefix: 'custom',
  owner: 'careless',
  dryRun: false,
})
const terms = { concurrency: 1, ttl: 60 }
await lock.release('careless', await lock.acquire('careless', terms))
await lock.acquire(taken!, { ...terms, wait: 0.2 }).catch((error: { code?: string }) => {
  process.stdout.write(error.code!)
})
