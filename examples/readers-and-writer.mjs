// Readers and a writer: readers hold the lock together, a writer holds it alone. Who came first is served first, so that a
// stream of readers does not starve the writer.
//
//   node examples/readers-and-writer.mjs
import process from 'node:process'
import { Lock } from 'spicelock'

const endpoints = (process.env.SPICELOCK_ENDPOINTS ?? 'http://127.0.0.1:2379').split(',')
const config = { endpoints }
const lock = new Lock({ config, prefix: 'custom', owner: `catalogue [${process.pid}]`, dryRun: false })

/** Resolves when somebody waits who has asked for the lock just now. */
function queued(wait) {
  return new Promise(resolve => wait(resolve))
}

const ann = await lock.shared('catalogue')
const bob = await lock.shared('catalogue')
console.log('ann and bob read')

let writing
await queued(onWait => (writing = lock.exclusive('catalogue', { onWait })))
console.log('the writer waits for both')

let reading
await queued(onWait => (reading = lock.shared('catalogue', { onWait })))
console.log('cyd waits behind the writer')

await ann.release()
await bob.release()
const writer = await writing
const { holders, waiters } = await lock.inspect('catalogue')
console.log(`the writer writes, alone: ${holders.length} holder, ${waiters.length} waiter`)

await writer.release()
const cyd = await reading
console.log('cyd reads')
await cyd.release()
await lock.close()
