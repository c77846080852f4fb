import { setTimeout as delay } from 'node:timers/promises'
import { Lock, NoLock } from '../../lib/index.js'
import { Door } from './door.js'
import type { Limit } from './resource.js'

export interface WorkerTask {
  readonly number: number
  readonly endpoints: readonly string[]
  readonly limits: readonly Limit[]
  readonly withoutLocks: boolean
}

/** Seconds; also how long a killed worker keeps the others waiting. */
export const TTL = 3
const WAIT = 30
const LONGEST_WORK_MS = 20

/** One process of the demo: goes in and out of the resources, of each under its lock, until it is told to stop. */
export async function work({ number, endpoints, limits, withoutLocks }: WorkerTask): Promise<void> {
  const owner = `demo worker ${number} [${process.pid}]`
  const lock = withoutLocks
    ? new NoLock()
    : new Lock({ config: { endpoints }, prefix: 'demo', allowedPrefixes: ['demo'], owner, dryRun: false })
  const door = new Door()

  const visit = async ({ name, limit }: Limit): Promise<void> => {
    do {
      const asked = performance.now()
      await lock.acquired(name, { concurrency: limit, ttl: TTL, wait: WAIT }, async () => {
        await door.pass({ pass: 'enter', name, waitedMs: performance.now() - asked })
        await delay(Math.random() * LONGEST_WORK_MS)
        await door.pass({ pass: 'leave', name })
      })
    } while (!door.stopped)
  }

  try {
    await lock.list()
    await door.opened()
    await Promise.all(limits.map(visit))
  } catch (error) {
    console.error(`worker ${number} failed: ${(error as Error).stack}`)
    process.exit(1)
  }
  await lock.close()
  door.close()
}
