// A singleton worker: start it on many hosts; one of them works, the others wait. When the worker ends, the next one
// takes over at once; when it dies, after its ttl.
//
//   node examples/singleton-worker.mjs ann & node examples/singleton-worker.mjs bob
import { hostname } from 'node:os'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { Lock } from 'spicelock'

const endpoints = (process.env.SPICELOCK_ENDPOINTS ?? 'http://127.0.0.1:2379').split(',')
const name = process.argv[2] ?? `${hostname()} [${process.pid}]`
const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner: name, dryRun: false })
const ending = new AbortController()
process.once('SIGTERM', () => ending.abort()).once('SIGINT', () => ending.abort())

/** One piece of work. Long ones look at `signal` themselves and stop when it aborts. */
async function work(signal) {
  console.log(`${name} works`)
  await setTimeout(1000, undefined, { signal })
}

while (!ending.signal.aborted) {
  try {
    console.log(`${name} waits`)
    // The lock is renewed. 5 s after this process has died, another one may hold.
    const held = await lock.exclusive('worker', { ttl: 5, wait: Infinity, signal: ending.signal })
    console.log(`${name} holds, with token ${held.fencingToken}`)
    try {
      const signal = AbortSignal.any([held.signal, ending.signal])
      while (!signal.aborted) await work(signal)
    } finally {
      await held.release()
    }
  } catch (error) {
    if (ending.signal.aborted) break
    // What the end of `signal` has stopped throws an AbortError, whose cause says why: the lock was lost.
    const { code, message } = error.cause?.code === 'LOCK_LOST' ? error.cause : error
    if (code !== 'LOCK_LOST' && code !== 'ETCD_UNAVAILABLE') throw error
    console.log(`${name} stops: ${message}`)
    // Then it stands in the queue again, but not in a busy loop.
    await setTimeout(1000, undefined, { signal: ending.signal }).catch(() => {})
  }
}
await lock.close()
console.log(`${name} ends`)
