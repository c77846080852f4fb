// A bounded migration: many processes migrate databases, and never more than two databases at a time, wherever they run.
//
//   node examples/bounded-migration.mjs db1 db2 db3 & node examples/bounded-migration.mjs db4 db5 db6
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { Lock } from 'spicelock'

const endpoints = (process.env.SPICELOCK_ENDPOINTS ?? 'http://127.0.0.1:2379').split(',')
const owner = `migration [${process.pid}]`
const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner, dryRun: false })
const databases = process.argv.slice(2)

function log(message) {
  console.log(`${new Date().toISOString()} ${message}`)
}

async function migrate(database) {
  // Each holder is renewed until it is released. A process that dies gives its place up 30 s later.
  const held = await lock.semaphore('migrations', 2, { wait: 3600 })
  try {
    log(`${database} starts`)
    await setTimeout(200) // the migration itself
    held.assertHeld() // throws when the lock was lost: then the limit was not kept
    log(`${database} is done`)
  } finally {
    await held.release()
  }
}

// All of them wait at once: the queue in etcd lets two at a time through, in the order in which they came.
await Promise.all(databases.map(migrate))
await lock.close()
