import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { CommandProcess } from '../support/command.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const etcd = useEtcdServer()
const directory = mkdtempSync(join(tmpdir(), 'spicelock-spec-'))
let lock: Lock
const all: Running[] = []

beforeAll(() => {
  lock = lockAt(etcd.get().endpoint)
})
afterAll(async () => {
  await lock.close()
  for (const { command } of all) command.child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

/** `run` on a name of its own, with a command that has started. */
class Running {
  readonly name = freshName()
  readonly file = join(directory, this.name)
  command!: CommandProcess

  /** @param script must say `started` and its process id. */
  static async start(script: string, options: readonly string[] = []): Promise<Running> {
    const running = new Running()
    all.push(running)
    const { name, file } = running
    const args = ['run', name, '--endpoints', etcd.get().endpoint, ...options, '--', 'sh', '-c', script, file]
    running.command = await CommandProcess.start(args)
    await eventually(() => expect(running.command.stdout).toMatch(/started \d+/), 30_000)
    // The watchdog is told of the command right after its start: by then `run` waits for events.
    await eventually(() => expect(running.states(running.pid)).toBe('S'))
    return running
  }

  get pid(): number {
    return this.command.child.pid!
  }

  /** Of the command, which leads a group. */
  get group(): number {
    return Number(/started (\d+)/.exec(this.command.stdout)![1])
  }

  /** How often the command has said that it works. */
  get beats(): number {
    return readFileSync(this.file, 'utf8').length
  }

  signal(signal: NodeJS.Signals | number): void {
    process.kill(this.pid, signal)
  }

  async beatsAgain(): Promise<void> {
    const before = this.beats
    await eventually(() => expect(this.beats).toBeGreaterThan(before + 1))
  }

  /** The states of all processes of a group that have not ended. */
  states(group: number): string {
    return allProcesses()
      .filter(each => [each.group, each.pid].includes(group) && each.state !== 'Z')
      .map(({ state }) => state)
      .join('')
  }

  /** A shell that was stopped while it starts a program waits (D) for that, which is stopped (T). */
  async stopped(): Promise<void> {
    await eventually(() => {
      expect(this.states(this.pid)).toBe('T')
      expect(this.states(this.group)).toMatch(/^D*T[DT]*$/)
    })
  }

  async gone(): Promise<void> {
    await eventually(() => expect(this.states(this.group)).toBe(''))
  }

  async release(): Promise<void> {
    const { holders } = await lock.inspect(this.name)
    await lock.release(this.name, holders[0]!.id)
  }
}

interface ProcessState {
  readonly pid: number
  readonly group: number
  readonly state: string
}

/** From /proc, and not by `ps`: to start that costs far more, and it is asked again and again. */
function allProcesses(): ProcessState[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(pid), group: Number(group), state: state! }]
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
}

const BEATING = 'echo beat >> "$0"; echo started $$; while :; do printf . >> "$0"; sleep 0.02; done'
const QUIET = 'echo started $$; sleep 60 & wait'

it.concurrent(
  'a signal that ends processes is passed on when it can be caught',
  async () => {
    const signals = 'ABRT ALRM VTALRM PROF XCPU IO PWR USR1 USR2'.split(' ')
    const traps = signals.map(signal => `trap 'echo ${signal} came' ${signal}`).join('; ')
    const running = await Running.start(`${traps}; echo started $$; while :; do sleep 0.05; done`)
    for (const signal of signals) {
      running.signal(`SIG${signal}` as NodeJS.Signals)
      await eventually(() => expect(running.command.stdout).toContain(`${signal} came`))
    }
  },
  60_000,
)

it.concurrent(
  'a signal that cannot be caught ends the command too, with all that it has started',
  async () => {
    const stubborn = `trap '' TERM; echo started $$; while :; do sleep 0.1; done`
    const [wrong, realTime, stubborned] = await Promise.all([
      Running.start(QUIET),
      Running.start(QUIET, ['--on-lost', 'kill']),
      Running.start(stubborn, ['--kill-after', '0.5']),
    ])
    wrong.signal('SIGSEGV')
    realTime.signal(40)
    stubborned.signal('SIGKILL')
    await Promise.all([wrong, realTime, stubborned].map(each => each.gone()))
  },
  60_000,
)

it.concurrent(
  'a signal that cannot be caught leaves the command alone with --on-lost warn',
  async () => {
    const running = await Running.start(BEATING, ['--on-lost', 'warn'])
    const ended = once(running.command.child, 'exit')
    running.signal('SIGKILL')
    await ended
    await running.beatsAgain()
    process.kill(-running.group, 'SIGKILL')
    await running.gone()
  },
  30_000,
)

it.concurrent(
  'a signal that stops processes stops the command first, and SIGCONT wakes both',
  async () => {
    const running = await Running.start(`trap 'exit 7' USR1; ${BEATING}`)
    for (const signal of ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const) {
      running.signal(signal)
      await running.stopped()
      running.signal('SIGCONT')
      await running.beatsAgain()
    }
    running.signal('SIGUSR1')
    expect(await running.command.ended()).toBe(7)
  },
  60_000,
)

it.concurrent(
  'a signal that stops does not let the command go on when the lock was lost meanwhile',
  async () => {
    const running = await Running.start(BEATING)
    running.signal('SIGTSTP')
    await running.stopped()
    const { beats } = running
    await running.release()
    running.signal('SIGCONT')
    expect(await running.command.ended()).toBe(76)
    expect(running.beats).toBe(beats)
  },
  30_000,
)

it.concurrent(
  'a stop that cannot be caught: the command is ended afterwards when the lock was lost',
  async () => {
    const running = await Running.start(BEATING, ['--ttl', '2'])
    running.signal('SIGSTOP')
    await lock.release(running.name, await lock.acquire(running.name, { concurrency: 1, ttl: 2, wait: 20 }))
    running.signal('SIGCONT')
    expect(await running.command.ended()).toBe(76)
    await running.gone()
  },
  30_000,
)

it.concurrent(
  'what has ended, and nobody takes notice of, is not waited for after a loss',
  async () => {
    // A zombie in the group of the command, whose parent has left that.
    const script = `sh -c 'sleep 0.1 & echo parent $$; exec setsid sleep 60' & echo started $$; sleep 60 & wait`
    const running = await Running.start(script, ['--kill-after', '20'])
    await eventually(() => expect(running.command.stdout).toMatch(/parent \d+/))
    const parent = Number(/parent (\d+)/.exec(running.command.stdout)![1])
    try {
      const { group } = running
      const zombies = (): ProcessState[] =>
        allProcesses().filter(each => each.group === group && each.state === 'Z')
      await eventually(() => expect(zombies()).toHaveLength(1))
      await running.release()
      const from = performance.now()
      const ended = once(running.command.child, 'exit')
      expect(await ended).toEqual([76, null])
      expect(performance.now() - from).toBeLessThan(10_000)
    } finally {
      process.kill(parent, 'SIGKILL')
    }
  },
  40_000,
)

// etcd is that of all: it is stopped when the others have ended.
it('SIGCONT lets the command go on also while etcd hangs, as long as the lock is held by the clock', async () => {
  const running = await Running.start(`trap 'exit 7' USR1; ${BEATING}`)
  running.signal('SIGTSTP')
  await running.stopped()
  await etcd.get().pause()
  try {
    running.signal('SIGCONT')
    await running.beatsAgain()
  } finally {
    await etcd.get().resume()
  }
  running.signal('SIGUSR1')
  expect(await running.command.ended()).toBe(7)
}, 30_000)
