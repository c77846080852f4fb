import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type HeldLock, InvalidLockError, Lock, NoLock } from '../../../lib/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'
import { eventually } from '../../support/eventually.js'
import { logSpy } from '../../support/log-spy.js'

const dist = join(resolve(import.meta.dirname, '../../..'), 'dist')
const terms = { concurrency: 1, ttl: 60 }

/** What a program that does this prints on stderr, until it ends by itself. */
async function warningsOf(work: string, options = ''): Promise<string> {
  const code = `
    import { getLockInstance, Lock } from '${dist}/index.js'
    import { MemoryStore } from '${dist}/testing/index.js'
    const options = { prefix: 'custom', owner: 'me', ${options} }
    const make = () => new Lock({ ...options, store: new MemoryStore() })
    const terms = { concurrency: 1, ttl: 60 }
    ${work}
  `
  const args = ['--input-type=module', '-e', code]
  const bounds = { env: { PATH: process.env['PATH'] }, timeout: 15_000 }
  return (await promisify(execFile)(process.execPath, args, bounds)).stderr
}

describe('a dry run that nobody has asked for', () => {
  const warning = /^\(node:\d+\) \[SPICELOCK_DRY_RUN\] Warning: .*nothing is locked.*dryRun: false.*\n/

  it('is told of on the process, once', async () => {
    const works = [
      "await make().acquire('a', terms); await make().exclusive('b')",
      "await make().acquired('a', terms, () => make().acquireAll([{ name: 'b', ...terms }]))",
      "await make().release('a', 'id')",
      "await make().extend('a', 'id', 60)",
      "await make().forceRelease('a', 'id', { reason: 'why' })",
      "await getLockInstance({ ...options, configFile: '/dev/null' }).release('a', 'id')",
    ]
    const all = await Promise.all(works.map(work => warningsOf(`${work}; ${work}`)))
    for (const stderr of all) {
      expect(stderr).toMatch(warning)
      expect(stderr.match(/SPICELOCK_DRY_RUN/g)).toHaveLength(1)
    }
  })

  it('is not told of where the program says which it is, only reads, or does without locks', async () => {
    const all = await Promise.all([
      warningsOf("await make().hold('a', terms)", 'dryRun: true'),
      warningsOf("const l = make(); await l.release('a', await l.acquire('a', terms))", 'dryRun: false'),
      warningsOf("await make().list(); await make().get('a')"),
      warningsOf("await getLockInstance({ ...options, configFile: null }).hold('a', terms)"),
    ])
    expect(all).toEqual(['', '', '', ''])
  })
})

describe('the handle of a dry run', () => {
  let store: MemoryStore
  let dry: Lock

  beforeEach(() => {
    store = new MemoryStore()
    dry = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: true })
  })
  afterEach(() => store.close())

  const put = { type: 'put', key: '/k', value: 'v' } as const

  it('says that it is one; a real one says that it is none', async () => {
    const real = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: false })
    expect((await dry.hold('a', terms)).dryRun).toBe(true)
    expect((await dry.acquireAll([{ name: 'a', ...terms }])).dryRun).toBe(true)
    expect((await real.hold('a', terms)).dryRun).toBe(false)
    expect((await real.acquireAll([{ name: 'b', ...terms }])).dryRun).toBe(false)
    await real.close()
  })

  it('counts down as its ttl would', async () => {
    const held = await dry.hold('a', terms)
    const all = await dry.acquireAll([
      { name: 'a', concurrency: 1, ttl: 600 },
      { name: 'b', concurrency: 1, ttl: 60 },
    ])
    for (const each of [held, all]) {
      expect(each.remaining()).toBeLessThan(60)
      expect(each.remaining()).toBeGreaterThan(50)
      expect(each.deadline.getTime() - Date.now()).toBeLessThan(60_000)
      expect(each.deadline.getTime() - Date.now()).toBeGreaterThan(50_000)
    }
    const before = held.remaining()
    await eventually(() => expect(held.remaining()).toBeLessThan(before))
    await held.extend(120)
    expect(held.remaining()).toBeGreaterThan(110)
  })

  it('is lost when its ttl is over, after it has said so', async () => {
    const held = await dry.hold('a', { concurrency: 1, ttl: 1 })
    let remaining = 0
    held.on('expiring', () => (remaining = held.remaining()))
    await new Promise(resolve => held.signal.addEventListener('abort', resolve))
    expect(remaining).toBeGreaterThan(0)
    expect(remaining).toBeLessThanOrEqual(0.2)
    expect(held.remaining()).toBe(0)
    const loss: unknown = held.signal.reason
    expect(loss).toMatchObject({ code: 'LOCK_LOST', reason: 'expired', key: held.key })
    expect(() => held.assertHeld()).toThrow('its ttl of 1 s is over')
    await expect(held.verify()).rejects.toBe(loss)
    await expect(held.extend(60)).rejects.toBe(loss)
    await expect(held.guard({ success: [put] })).rejects.toBe(loss)
  })

  it('is extended in time, and then not lost', async () => {
    const held = await dry.hold('a', { concurrency: 1, ttl: 1 })
    let times = 0
    held.on('expiring', () => void (++times < 3 && held.extend(1)))
    await eventually(() => expect(times).toBe(3))
    expect(held.signal.aborted).toBe(false)
  })

  it('with keepAlive lasts as if it were renewed', async () => {
    const held = await dry.exclusive('a', { ttl: 1 })
    const end = performance.now() + 1_500
    while (performance.now() < end) {
      expect(held.remaining()).toBeGreaterThan(0.5)
      expect(held.remaining()).toBeLessThanOrEqual(1)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    held.assertHeld()
  })

  it('is over with its release', async () => {
    const held = await dry.hold('a', terms)
    await held.release()
    expect(held.remaining()).toBe(0)
    expect(() => held.assertHeld()).toThrow('it was released')
    await expect(held.verify()).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await expect(held.extend(60)).rejects.toMatchObject({ code: 'LOCK_LOST' })
    expect(held.signal.aborted).toBe(false)
    await held.release()
  })

  it('checks a guarded write, writes nothing, and says so', async () => {
    const held = await dry.hold('a', terms)
    expect(await held.guard({ success: [put] })).toEqual({ dryRun: true })
    const range = { type: 'range' as const, key: '/k' }
    expect((await store.commit({ compare: [], success: [range], failure: [] })).results).toEqual([[]])
    const wrong = held.guard({ success: [{ type: 'put', key: '/k' }] } as never)
    await expect(wrong).rejects.toBeInstanceOf(InvalidLockError)
    await expect(held.extend(0)).rejects.toBeInstanceOf(InvalidLockError)
    const real = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: false })
    const written = await (await real.hold('a', terms)).guard({ success: [put] })
    expect(written).toMatchObject({ dryRun: false, succeeded: true })
    await real.close()
  })

  it('logs what a listener throws', async () => {
    const { log, lines } = logSpy()
    const lock = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: true, logger: log })
    const held = await lock.hold('a', { concurrency: 1, ttl: 1, expiring: 0.9 })
    held.on('expiring', () => {
      throw new Error('from the listener')
    })
    await eventually(() => expect(lines.map(({ msg }) => msg)).toContain('A listener to expiring has thrown'))
  })

  it('of a NoLock is held as long as it is wanted', async () => {
    const held: HeldLock = await new NoLock().hold('a', terms)
    expect(held.dryRun).toBe(true)
    expect(held.remaining()).toBeGreaterThan(30)
    expect(held.remaining()).toBeLessThanOrEqual(60)
    await held.release()
    expect(held.remaining()).toBe(0)
  })
})
