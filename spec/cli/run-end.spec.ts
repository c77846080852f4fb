import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { CommandProcess } from '../support/command.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const etcd = useEtcdServer()
let lock: Lock
let name: string

beforeAll(() => {
  lock = lockAt(etcd.get().endpoint)
})
afterAll(() => lock.close())
beforeEach(() => {
  name = freshName()
})
afterEach(() => etcd.get().resume())

const start = (names: readonly string[], args: readonly string[]): Promise<CommandProcess> =>
  CommandProcess.start(['run', ...names, '--endpoints', etcd.get().endpoint, '--ttl', '60', ...args])

/** Ends with its stdin, with 3. */
const UNTIL_EOF = ['--', 'sh', '-c', 'echo started; cat; exit 3']

async function started(names: readonly string[]): Promise<CommandProcess> {
  const command = await start(names, UNTIL_EOF)
  await eventually(() => expect(command.stdout).toContain('started'))
  return command
}

const secondsSince = (from: number): number => (performance.now() - from) / 1000

describe('while etcd hangs', () => {
  it('it ends within seconds of its command, with its code, and says what to do', async () => {
    const second = `${name} too`
    const command = await started([name, second])
    const [holder] = (await lock.inspect(name)).holders
    await etcd.get().pause()
    const from = performance.now()
    expect(await command.ended()).toBe(3)
    expect(secondsSince(from)).toBeLessThan(8)
    expect(command.stderr).toContain(
      `spicelock: "custom/${name}", "custom/${second}" could not be released: they end within 60 s. To release before that: ` +
        `spicelock release '${name}' ${holder!.id} --prefix custom; spicelock release '${second}' ${holder!.id}`,
    )
  }, 30_000)

  it('it ends within a second of its command after a signal that came before, or comes then', async () => {
    const commands = await Promise.all([started([name]), started([`${name} too`])])
    await etcd.get().pause()
    const from = performance.now()
    const [first, second] = commands
    const killed = once(first.child, 'exit')
    first.child.kill('SIGTERM')
    second.child.stdin!.end()
    setTimeout(() => second.child.kill('SIGTERM'), 1_500)
    expect(await killed).toEqual([143, null])
    expect(await second.ended()).toBe(3)
    expect(secondsSince(from)).toBeLessThan(4)
    for (const command of commands) expect(command.stderr).toContain('could not be released')
  }, 30_000)

  it('a signal ends the wait for the lock within seconds', async () => {
    await lock.acquire(name, { concurrency: 1, ttl: 60 })
    const command = await start([name], UNTIL_EOF)
    await eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(1))
    await etcd.get().pause()
    const from = performance.now()
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(143)
    expect(secondsSince(from)).toBeLessThan(4.5)
  }, 30_000)
})
