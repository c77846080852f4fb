import { createInterface } from 'node:readline'
import { type HeldLock, Lock, type LockLostError } from '../../lib/index.js'

/**
 * A process of its own that contends for one lock. It says `ready`, acquires when told `acquire`, says
 * `held ID` or `failed CODE`, and `lost REASON` when that happens; says `yes` or `no` when told `assert`, and releases
 * and ends when told `release`.
 */
const { endpoints, name, owner, clockOffset, ...terms } = JSON.parse(process.argv[2]!) as ContenderOptions

if (clockOffset) {
  const realNow = Date.now
  Date.now = () => realNow() + clockOffset * 1000
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner, dryRun: false })
await lock.get(name)
say('ready')
let held: HeldLock | undefined
for await (const line of createInterface(process.stdin)) {
  if (line === 'acquire') {
    try {
      held = await lock.hold(name, terms)
      const { id, signal } = held
      say(`held ${id}`)
      signal.addEventListener('abort', () => say(`lost ${(signal.reason as LockLostError).reason}`))
    } catch (error) {
      say(`failed ${(error as { code?: string }).code}`)
    }
  } else if (line === 'assert') {
    say(held!.remaining() > 0 ? 'yes' : 'no')
  } else {
    await held?.release()
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
  readonly keepAlive?: boolean
  /** Seconds by which the process's wall clock is wrong. */
  readonly clockOffset?: number
}
