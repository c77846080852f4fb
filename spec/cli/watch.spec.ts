import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { CommandProcess, type Ended } from '../support/command.js'
import { runHere } from '../support/program.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const terms = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()
let lock: Lock
let name: string

beforeAll(() => {
  lock = lockAt(etcd.get().endpoint, { owner: 'alice' })
})
afterAll(() => lock.close())
beforeEach(() => {
  name = freshName()
})

const at = (...args: string[]): string[] => [...args, '--endpoints', etcd.get().endpoint]

/** Watching, as from its first event on. */
async function watching(...args: string[]): Promise<CommandProcess> {
  const command = await CommandProcess.start(at('watch', ...args))
  await eventually(async () => {
    await lock.release(name, await lock.acquire(name, terms))
    expect(command.stdout).toContain(name)
  })
  return command
}

describe('spicelock watch', () => {
  it('prints what happens to one lock, until a signal comes', async () => {
    const command = await watching(name)
    const id = await lock.acquire(name, terms)
    await eventually(() => expect(command.stdout).toContain(id))
    expect(command.stdout).toMatch(
      new RegExp(`T.*  custom/${name}  granted \\(token \\d+\\)  alice  ${id}\\n`),
    )
    const other = freshName()
    await lock.release(other, await lock.acquire(other, terms))
    await runHere(at('release', name, id, '--force', '--reason', 'too long', '--owner', 'bob'))
    await eventually(() => expect(command.stdout).toContain(`forced  alice by bob: too long  ${id}`))
    expect(command.stdout).not.toContain(other)
    command.child.kill('SIGINT')
    expect(await command.ended()).toBe(130)
  })

  it('ends when nobody reads any more', async () => {
    const command = await watching(name)
    command.child.stdout!.destroy()
    let code: number | undefined
    void command.ended().then(ended => (code = ended as number))
    await eventually(async () => {
      await lock.release(name, await lock.acquire(name, terms))
      expect(code).toBe(0)
    })
  })

  it('--json prints a document a line, of all locks', async () => {
    const command = await watching('--json')
    const id = await lock.acquire(name, terms)
    const find = (type: string): unknown => {
      const lines = command.stdout.trim().split('\n')
      return lines
        .map(line => JSON.parse(line) as { id: string; type: string })
        .find(event => event.id === id && event.type === type)
    }
    await eventually(() =>
      expect(find('granted')).toMatchObject({
        seen: expect.stringMatching(/Z$/),
        type: 'granted',
        prefix: 'custom',
        name,
        owner: 'alice',
        revision: expect.stringMatching(/^\d+$/),
      }),
    )
    await lock.release(name, id)
    await eventually(() => expect(find('released')).toBeDefined())
    const told = command.stdout
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(143)
    expect([command.stdout, command.stderr]).toEqual([told, ''])
  })
})

describe('spicelock release --force', () => {
  it('needs a reason, which means nothing without it', async () => {
    const id = await lock.acquire(name, terms)
    expect(await runHere(at('release', name, id, '--force'))).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--force needs --reason TEXT'),
    })
    expect(await runHere(at('release', name, id, '--reason', 'x'))).toMatchObject({
      code: 64,
      stderr: 'spicelock: --reason and --owner are for --force\n',
    })
    expect((await lock.get(name)).locks.size).toBe(1)
  })

  it('sends a waiter away, whose command is not run', async () => {
    const held = await lock.acquire(name, terms)
    const run = await CommandProcess.start([...at('run', name), '--', 'echo', 'started'])
    await eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(1))
    const [waiter] = (await lock.inspect(name)).waiters
    const by = ['--force', '--reason', 'rack on fire', '--owner', 'bob']
    expect((await runHere(at('release', name, waiter!.id, ...by))).code).toBe(0)
    expect(await run.ended()).toBe(77)
    expect(run.stdout).toBe('')
    expect(run.stderr).toContain('bob took the place in the queue')
    expect(run.stderr).toContain('rack on fire')
    await lock.release(name, held)
  })

  it('tells the holder, and ends with 1 when nobody holds or waits', async () => {
    const held = await lock.hold(name, terms)
    const force = (id: string, ...args: string[]): Promise<Ended> =>
      runHere(at('release', name, id, '--force', '--reason', 'rack on fire', ...args))
    expect(await force(held.id)).toMatchObject({ code: 0, stdout: `Released "custom/${name}" by force.\n` })
    await eventually(() =>
      expect(String(held.signal.reason)).toMatch(/@.* released it by force: rack on fire/),
    )
    const gone = await force(held.id, '--json')
    expect(gone.code).toBe(1)
    expect(JSON.parse(gone.stdout)).toMatchObject({ name, id: held.id, released: false })
  })
})
