import { createInterface } from 'node:readline'
import { Lock } from '../../lib/index.js'

/**
 * A process of its own that acquires one lock. It says `ready`, acquires when told `acquire`, says
 * `held ID` or `failed CODE`, and releases and ends when told `release`.
 */
const { endpoints, name, owner, concurrency, ttl, wait, clockOffset } = JSON.parse(
  process.argv[2]!,
) as ContenderOptions

if (clockOffset) {
  const realNow = Date.now
  Date.now = () => realNow() + clockOffset * 1000
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner, dryRun: false })
await lock.get(name)
say('ready')
let id = ''
for await (const line of createInterface(process.stdin)) {
  if (line === 'acquire') {
    try {
      id = await lock.acquire(name, { concurrency, ttl, wait })
      say(`held ${id}`)
    } catch (error) {
      say(`failed ${(error as { code?: string }).code}`)
    }
  } else {
    await lock.release(name, id)
    break
  }
}
await lock.close()
process.stdin.destroy()

export interface ContenderOptions {
  readonly endpoints: readonly string[]
  readonly name: string
  readonly owner: string
  readonly concurrency: number
  readonly ttl: number
  readonly wait: number
  /** Seconds by which the process's wall clock is wrong. */
  readonly clockOffset?: number
}
