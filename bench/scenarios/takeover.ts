import { setTimeout as delay } from 'node:timers/promises'
import { Lock } from '../../lib/index.js'
import { eventually } from '../../lib/testing/eventually.js'
import { Backends } from '../backends/backends.js'
import { now } from '../now.js'
import { Child } from '../processes/child.js'
import { type Bench, figureOf, type Outcome, type Scenario, spreadOf, type Target } from './scenario.js'

const PEER = 'spicelock, handle'
/** Seconds, as the holder asks for them. */
const TTLS = [2, 5]
/** After the ttl. */
const LATEST_MS = 700
const nameOf = (ttl: number): string => `ttl ${ttl} s`

export const takeover: Scenario = {
  name: 'takeover',
  measures: 'from kill -9 of a holder that renews its lock until the next one holds',
  shown: { figure: 'takeoverMs', unit: 'ms' },
  run,
  targets: outcomes =>
    TTLS.flatMap((ttl): Target[] => {
      const spread = figureOf(outcomes, nameOf(ttl), PEER, 'takeoverMs')
      return [
        {
          name: `${nameOf(ttl)}: the longest, beyond the ttl`,
          value: spread && spread.most - ttl * 1000,
          limit: LATEST_MS,
          bound: 'at most',
          unit: 'ms',
        },
      ]
    }),
}

async function run({ settings, progress }: Bench): Promise<Outcome[]> {
  await using backends = await Backends.start()
  const outcomes: Outcome[] = []
  for (const ttl of settings.mode === 'whole' ? TTLS : TTLS.slice(0, 1)) {
    progress(nameOf(ttl))
    const times = await takeovers(backends, ttl, settings.rounds)
    outcomes.push({ name: nameOf(ttl), peers: { [PEER]: { takeoverMs: spreadOf(times) } } })
  }
  return outcomes
}

/** Each process that has taken over is the next that is killed. */
async function takeovers(backends: Backends, ttl: number, count: number): Promise<number[]> {
  const name = `taken-over-${ttl}`
  const stores = backends.storesOf(0)
  const config = { endpoints: [stores.etcd] }
  await using lock = new Lock({ config, prefix: 'custom', owner: 'bench', dryRun: false })
  let holder = await Child.start('take', stores)
  let next: Child | undefined
  const times: number[] = []
  try {
    await holder.ask({ name, ttl })
    while (times.length < count) {
      next = await Child.start('take', stores)
      const held = next.ask<number>({ name, ttl })
      await eventually(async () => {
        if ((await lock.inspect(name)).waiters.length === 0) throw new Error('the next one does not wait')
      })
      // At any moment between two renewals.
      await delay((Math.random() * ttl * 1000) / 3)
      const killed = now()
      await holder.kill()
      times.push((await held) - killed)
      holder = next
    }
    return times
  } finally {
    await holder.kill()
    await next?.kill()
  }
}
