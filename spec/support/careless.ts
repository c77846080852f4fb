import { Lock } from '../../lib/index.js'

/** A process that uses a lock, waits in vain for another, if one is named, and never closes anything. */
const [endpoint, taken] = process.argv.slice(2)
const lock = new Lock({
  config: { endpoints: [endpoint!] },
  prefix: 'custom',
  owner: 'careless',
  dryRun: false,
})
const terms = { concurrency: 1, ttl: 60 }
await lock.release('careless', await lock.acquire('careless', terms))
const wait = taken && lock.acquire(taken, { ...terms, wait: 0.2 })
process.stdout.write(
  await Promise.resolve(wait).then(
    () => 'done',
    (error: { code: string }) => error.code,
  ),
)
