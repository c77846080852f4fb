import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Lock } from '../../lib/index.js'

/**
 * A process whose takers take random sets of locks, each one set after the other, when it is told to, and write what they
 * hold into files, where others find it. Says how many it took, and how often somebody was there who should not.
 */
const { endpoints, directory, names, takers, sets } = JSON.parse(process.argv[2]!) as SetTakerOptions

const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner: 'taker', dryRun: false })
const pick = (count: number): number => Math.floor(Math.random() * count)

function someRequests(): { name: string; concurrency: number; ttl: number }[] {
  const shuffled = names.toSorted(() => Math.random() - 0.5)
  return shuffled.slice(0, 1 + pick(4)).map(name => ({ name, concurrency: pick(2), ttl: 60 }))
}

/** Whether those that hold a lock besides us may. */
function isAlone(name: string, concurrency: number, file: string): boolean {
  const there = readdirSync(join(directory, name)).filter(other => other !== file)
  return concurrency === 1 ? there.length === 0 : !there.some(other => other.startsWith('exclusive'))
}

let violations = 0

async function takeOne(): Promise<void> {
  const requests = someRequests()
  await lock.acquiredAll(requests, { wait: 300 }, async ({ id }) => {
    const files = requests.map(({ name, concurrency }) => {
      const file = `${concurrency === 1 ? 'exclusive' : 'shared'}-${id}`
      mkdirSync(join(directory, name), { recursive: true })
      writeFileSync(join(directory, name, file), '')
      return { name, concurrency, file }
    })
    await new Promise(resolve => setTimeout(resolve, pick(3)))
    violations += files.filter(({ name, concurrency, file }) => !isAlone(name, concurrency, file)).length
    for (const { name, file } of files) rmSync(join(directory, name, file))
  })
}

await lock.list()
process.stdout.write('ready\n')
await once(createInterface(process.stdin), 'line')
await Promise.all(
  Array.from({ length: takers }, async () => {
    for (let taken = 0; taken < sets; taken++) await takeOne()
  }),
)
await lock.close()
process.stdin.destroy()
const report: SetTakerReport = { taken: takers * sets, violations }
process.stdout.write(`${JSON.stringify(report)}\n`)

export interface SetTakerOptions {
  readonly endpoints: readonly string[]
  readonly directory: string
  readonly names: readonly string[]
  readonly takers: number
  /** Of each taker. */
  readonly sets: number
}

export interface SetTakerReport {
  readonly taken: number
  readonly violations: number
}
