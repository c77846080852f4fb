import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { CommandProcess, type Ended } from '../support/command.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { runHere } from '../support/program.js'

const etcd = useEtcdServer()
let lock: Lock

beforeAll(() => {
  lock = lockAt(etcd.get().endpoint, { owner: 'holder' })
})
afterAll(() => lock.close())

const terms = { concurrency: 1, ttl: 60 }
/** A command that says so when it has started, and ends with its stdin. */
const UNTIL_EOF = ['--', 'sh', '-c', 'echo started; cat']

/** A lock of its own for each test, since all tests run beside each other, for which none of them is in a group. */
class Scene {
  readonly name = freshName()
  private readonly args = ['run', this.name, '--endpoints', etcd.get().endpoint]

  readonly start = (args: readonly string[]): Promise<CommandProcess> =>
    CommandProcess.start([...this.args, ...args])

  /** In this process: what the command writes goes elsewhere. */
  readonly run = (args: readonly string[]): Promise<Ended> => runHere([...this.args, ...args])

  readonly isFree = async (): Promise<boolean> => {
    const { holders, waiters } = await lock.inspect(this.name)
    return holders.length + waiters.length === 0
  }

  readonly release = async (): Promise<void> => {
    const { holders } = await lock.inspect(this.name)
    await lock.release(this.name, holders[0]!.id)
  }

  readonly queueIsOne = (): Promise<void> =>
    eventually(async () => expect((await lock.inspect(this.name)).waiters).toHaveLength(1))
}

/** A lock that others hold, under an id. */
async function heldScene(): Promise<Scene & { readonly id: string }> {
  const scene = new Scene()
  return Object.assign(scene, { id: await lock.acquire(scene.name, terms) })
}

const said = (command: CommandProcess, text: string): Promise<void> =>
  eventually(() => expect(command.stdout + command.stderr).toContain(text))

it.concurrent('while its command runs, it holds the lock, and no longer', async () => {
  const { name, start, isFree } = new Scene()
  const command = await start(['--concurrency', '2', '--ttl', '90', '--owner', 'alice', ...UNTIL_EOF])
  await said(command, 'started')
  const { holders } = await lock.inspect(name)
  expect(holders).toMatchObject([{ owner: 'alice', concurrency: 2, ttl: 90 }])
  expect(await command.ended()).toBe(0)
  expect(command.stderr).toBe('')
  expect(await isFree()).toBe(true)
})

it.concurrent(
  'while its command runs, it passes stdin on, and leaves all that follows -- to the command',
  async () => {
    const { start } = new Scene()
    const script = `printf '%s\\n' "$@"; cat`
    const command = await start(['--', 'sh', '-c', script, '--', '--json', '--ttl', 'x', '--', '--help'])
    command.child.stdin!.write('first\nsecond')
    expect(await command.ended()).toBe(0)
    expect(command.stdout).toBe('--json\n--ttl\nx\n--\n--help\nfirst\nsecond')
  },
)

it.concurrent('while its command runs, it passes signals on, and then ends as the command does', async () => {
  const { start, isFree } = new Scene()
  const traps = ['TERM', 'HUP', 'INT'].map(signal => `trap 'echo ${signal} came' ${signal}`).join('; ')
  const script = `${traps}; trap 'exit 7' QUIT; echo started; while :; do sleep 0.05; done`
  const command = await start(['--', 'sh', '-c', script])
  await said(command, 'started')
  for (const signal of ['TERM', 'HUP', 'INT']) {
    command.child.kill(`SIG${signal}` as NodeJS.Signals)
    await said(command, `${signal} came`)
  }
  command.child.kill('SIGQUIT')
  expect(await command.ended()).toBe(7)
  expect(await isFree()).toBe(true)
})

it.each([
  ['with a code: that code', 'exit 42', 42],
  ['by a signal: 128 and its number', 'kill -KILL $$', 137],
])('when its command ends %s', async (_, script, expected) => {
  const { run, isFree } = new Scene()
  const { code, stderr } = await run(['--', 'sh', '-c', script])
  expect(code).toBe(expected)
  expect(stderr).toBe('')
  expect(await isFree()).toBe(true)
})

it.each([
  ['does not exist: 127', 'no-such-command', 127, 'spicelock: no-such-command: command not found\n'],
  ['is not executable: 126', import.meta.filename, 126, 'cannot be executed (EACCES)\n'],
])('when its command ends because it %s', async (_, file, expected, message) => {
  const { run, isFree } = new Scene()
  const { code, stderr } = await run(['--', file])
  expect(code).toBe(expected)
  expect(stderr).toContain(message)
  expect(await isFree()).toBe(true)
})

const STUBBORN = ['--', 'sh', '-c', "trap 'echo told' TERM; echo started; while :; do sleep 0.05; done"]
it.concurrent('when its lock is lost, its command is told to end, and the code says why', async () => {
  const { start, release } = new Scene()
  const command = await start([
    '--',
    'sh',
    '-c',
    "trap 'echo told; exit 3' TERM; echo started; sleep 60 & wait",
  ])
  await said(command, 'started')
  await release()
  expect(await command.ended()).toBe(76)
  expect(command.stdout).toContain('told')
  expect(command.stderr).toMatch(/^spicelock: The lock \/spicerack.* is lost: somebody released it\.\n$/)
})

it.concurrent(
  'when its lock is lost, its command is killed when it does not end in time, with all that it has started',
  async () => {
    const { start, release } = new Scene()
    const command = await start(['--kill-after', '0.3', ...STUBBORN])
    await said(command, 'started')
    await release()
    expect(await command.ended()).toBe(76)
    expect(command.stdout).toContain('told')
  },
)

it.concurrent(
  'when its lock is lost, what its command leaves behind has the same time to end, and is killed then',
  async () => {
    const { start, release } = new Scene()
    const stubborn = "trap 'echo told' TERM; echo started \\$\\$; while :; do sleep 0.05; done"
    const command = await start(['--kill-after', '0.5', '--', 'sh', '-c', `sh -c "${stubborn}" & wait`])
    await said(command, 'started')
    const pid = Number(/started (\d+)/.exec(command.stdout)![1])
    await release()
    expect(await command.ended()).toBe(76)
    expect(command.stdout).toContain('told')
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'))
  },
)

it.concurrent('when its lock is lost, its command is killed at once with --on-lost kill', async () => {
  const { start, release } = new Scene()
  const command = await start(['--on-lost', 'kill', ...STUBBORN])
  await said(command, 'started')
  await release()
  expect(await command.ended()).toBe(76)
  expect(command.stdout).not.toContain('told')
})

it.concurrent('when its lock is lost, its command goes on with --on-lost warn', async () => {
  const { start, release } = new Scene()
  const command = await start(['--on-lost', 'warn', ...UNTIL_EOF])
  await said(command, 'started')
  await release()
  await said(command, 'somebody released it')
  command.child.stdin!.write('still here')
  expect(await command.ended()).toBe(76)
  expect(command.stdout).toContain('still here')
})

it.concurrent(
  'when its lock is lost, because etcd is gone: its command is dead before the ttl is over',
  async () => {
    const { name } = new Scene()
    const server = await EtcdServer.start()
    try {
      const args = [
        'run',
        name,
        '--endpoints',
        server.endpoint,
        '--ttl',
        '4',
        '--kill-after',
        '1',
        ...STUBBORN,
      ]
      const command = await CommandProcess.start(args)
      await said(command, 'started')
      await server.pause()
      const start = performance.now()
      expect(await command.ended()).toBe(76)
      expect(performance.now() - start).toBeLessThan(4_000 + 6_000)
      expect(command.stdout).toContain('told')
      expect(command.stderr).toMatch(
        /ends in (1\.0|0\.\d) s: SIGTERM was sent to the command, .*\n[^]*is lost: its ttl of 4 s is over; etcd could not/,
      )
    } finally {
      await server.resume()
      await server.stop()
    }
  },
  40_000,
)

it.concurrent(
  'when its lock is lost, because it is not to be renewed: its command ends with its ttl',
  async () => {
    const { start, isFree } = new Scene()
    const command = await start([
      '--no-keep-alive',
      '--ttl',
      '2',
      '--',
      'sh',
      '-c',
      'echo started; exec sleep 60',
    ])
    await said(command, 'started')
    expect(await command.ended()).toBe(76)
    expect(await isFree()).toBe(true)
  },
)

it.concurrent(
  'its lock outlives its ttl, and dies with it within seconds',
  async () => {
    const { name, start } = new Scene()
    const command = await start(['--ttl', '2', ...UNTIL_EOF])
    await said(command, 'started')
    const taking = lock.acquire(name, { ...terms, wait: 4 })
    await expect(taking).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
    command.child.kill('SIGKILL')
    await command.ended()
    await lock.release(name, await lock.acquire(name, { ...terms, wait: 5 }))
  },
  20_000,
)

it.concurrent('tells its command what it holds, as user@host [pid] unless told otherwise', async () => {
  const { name, start } = new Scene()
  const names = ['NAME', 'ID', 'FENCING_TOKEN', 'DEADLINE'].map(variable => `"$SPICELOCK_${variable}"`)
  const command = await start(['--', 'sh', '-c', `printf '%s\\n' ${names.join(' ')}; echo started; cat`])
  await said(command, 'started')
  const [holder] = (await lock.inspect(name)).holders
  const [name_, id, token, deadline] = command.stdout.split('\n')
  expect([name_, id, token]).toEqual([name, holder!.id, String(holder!.fencingToken)])
  expect(Date.parse(deadline!) - Date.now()).toBeGreaterThan(20_000)
  expect(holder!.owner).toMatch(new RegExp(`^.+@.+ \\[${command.child.pid}\\]$`))
  await command.ended()
})

it.concurrent('several names are held together, and named to the command', async () => {
  const { name, start, isFree } = new Scene()
  const second = `${name} too`
  const command = await start([
    second,
    '--',
    'sh',
    '-c',
    'echo "$SPICELOCK_NAME"; echo -- started; cat',
    '--',
  ])
  await said(command, 'started')
  expect(command.stdout).toBe(`${name}\n${second}\n-- started\n`)
  const [first, other] = await Promise.all([lock.inspect(name), lock.inspect(second)])
  expect(first.holders[0]!.id).toBe(other.holders[0]!.id)
  expect(await command.ended()).toBe(0)
  expect(await isFree()).toBe(true)
  expect((await lock.inspect(second)).holders).toEqual([])
})

it('several names of which one is held: none is taken', async () => {
  const { name, run, isFree } = new Scene()
  const second = `${name} too`
  await lock.acquire(second, terms)
  const { code, stdout, stderr } = await run([second, '--wait', '0', '--', 'echo', 'started'])
  expect([code, stdout]).toEqual([75, ''])
  expect(stderr).toContain(`${second} is not available`)
  expect(await isFree()).toBe(true)
})

it.concurrent('several names of which one is lost: the command is told to end', async () => {
  const { name, start, isFree } = new Scene()
  const second = `${name} too`
  const command = await start([second, '--', 'sh', '-c', 'echo started; exec sleep 60'])
  await said(command, 'started')
  const { holders } = await lock.inspect(second)
  await lock.release(second, holders[0]!.id)
  expect(await command.ended()).toBe(76)
  expect(await isFree()).toBe(true)
})

it('several names that are one and the same are refused', async () => {
  const { name, run } = new Scene()
  const { code, stderr } = await run([name, '--', 'echo', 'started'])
  expect(code).toBe(64)
  expect(stderr).toContain(`must have different names, got twice: "${name}"`)
})

it.concurrent('while others hold the lock, it says who, waits, and then runs', async () => {
  const { name, start, id } = await heldScene()
  const command = await start(UNTIL_EOF)
  await said(command, `waiting for "custom/${name}" at place 1, held by holder since 20`)
  expect(command.stdout).toBe('')
  await lock.release(name, id)
  await said(command, 'started')
  expect(await command.ended()).toBe(0)
  expect(command.stderr.match(/\n/g)).toHaveLength(1)
})

it('while others hold the lock, it says nothing with --quiet', async () => {
  const { name, run, queueIsOne, id } = await heldScene()
  const ended = run(['--quiet', '--', 'sh', '-c', 'exit 3'])
  await queueIsOne()
  await lock.release(name, id)
  expect(await ended).toEqual({ code: 3, stdout: '', stderr: '' })
})

it.each(['0', '0.3'])(
  'while others hold the lock, --wait %s --quiet says nothing: its code does',
  async wait => {
    const { run } = await heldScene()
    const ended = await run(['--wait', wait, '--quiet', '--ttl', '1', '--', 'echo', 'started'])
    expect(ended).toEqual({ code: 75, stdout: '', stderr: '' })
  },
)

it.each(['0', '0.3'])('while others hold the lock, --wait %s ends with 75 and says who', async wait => {
  const { name, run } = await heldScene()
  const { code, stdout, stderr } = await run(['--wait', wait, '--', 'echo', 'started'])
  expect(code).toBe(75)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/spicelock: The lock \S+ is not available/)
  expect(stderr).toContain(': holder (concurrency 1)')
  expect((await lock.inspect(name)).waiters).toEqual([])
})

it.concurrent.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)(
  'while others hold the lock, %s ends the wait and leaves nothing in the queue',
  async (signal, expected) => {
    const { name, start, queueIsOne } = await heldScene()
    const command = await start(['--', 'echo', 'started'])
    await queueIsOne()
    command.child.kill(signal)
    expect(await command.ended()).toBe(expected)
    expect(command.stderr).toContain(`spicelock: ${signal} came before the lock was held\n`)
    expect(command.stdout).toBe('')
    const { holders, waiters } = await lock.inspect(name)
    expect([holders.length, waiters.length]).toEqual([1, 0])
  },
)

it('while others hold the lock, --dry-run does not wait, says who holds, and ends with 75', async () => {
  const { run } = await heldScene()
  const { code, stdout, stderr } = await run(['--dry-run', '--', 'echo', 'started'])
  expect([code, stdout]).toEqual([75, ''])
  expect(stderr).toMatch(/is not available[^]*: holder \(concurrency 1\)/)
  const quiet = await run(['--dry-run', '--quiet', '--', 'echo', 'started'])
  expect(quiet).toEqual({ code: 75, stdout: '', stderr: '' })
})

it('--dry-run on a free lock says that it is free, and runs nothing', async () => {
  const { name, run, isFree } = new Scene()
  const second = `${name} too`
  const one = await run(['--dry-run', '--', 'echo', 'started'])
  const message = `spicelock: dry run: "custom/${name}" could be taken now; the command was not run\n`
  expect(one).toEqual({ code: 0, stdout: '', stderr: message })
  const both = await run([second, '--dry-run', '--', 'no-such-command'])
  expect([both.code, both.stderr]).toEqual([
    0,
    `spicelock: dry run: "custom/${name}", "custom/${second}" could be taken now; the command was not run\n`,
  ])
  expect(await run(['--dry-run', '--quiet', '--', 'echo', 'started'])).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  })
  expect(await isFree()).toBe(true)
})

it('a ttl that is shorter than etcd grants is told of, once', async () => {
  const { name, run } = new Scene()
  const { code, stderr } = await run([`${name} too`, '--ttl', '1', '--', 'true'])
  expect(code).toBe(0)
  expect(stderr).toMatch(
    /^spicelock: warn: etcd grants no lease under 2 s: a lock with a shorter ttl lasts 2 s \(asked=1, granted=2\)\n$/,
  )
  expect(await run(['--quiet', '--ttl', '1', '--', 'true'])).toEqual({ code: 0, stdout: '', stderr: '' })
})
