// Several locks at once: all or none, in one transaction. Two that want the same locks in opposite orders cannot deadlock.
//
//   node examples/several-locks.mjs
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { Lock } from 'spicelock'

const endpoints = (process.env.SPICELOCK_ENDPOINTS ?? 'http://127.0.0.1:2379').split(',')
const owner = `several locks [${process.pid}]`
const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner, dryRun: false })
const balances = { ann: 100, bob: 100 }

/** Reads, waits and writes: without the locks, two transfers at once would lose money. */
async function transfer(from, to, amount) {
  const accounts = [from, to].map(name => ({ name: `account-${name}`, concurrency: 1, ttl: 30 }))
  await lock.acquiredAll(accounts, { wait: 60 }, async held => {
    const before = { ...balances }
    await setTimeout(50)
    held.assertHeld()
    balances[from] = before[from] - amount
    balances[to] = before[to] + amount
    console.log(`${from} pays ${to} ${amount}, under ${held.names.join(' and ')}`)
  })
}

await Promise.all([transfer('ann', 'bob', 30), transfer('bob', 'ann', 10), transfer('ann', 'bob', 5)])
console.log(`ann has ${balances.ann}, bob has ${balances.bob}`)
await lock.close()
