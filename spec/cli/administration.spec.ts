import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { defaultOwner } from '../../lib/cli/io/default-owner.js'
import { CommandProcess, type Ended } from '../support/command.js'
import { runHere } from '../support/program.js'
import { freshName, lockAt, storeAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

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

const terms = { concurrency: 1, ttl: 60 }
const RFC_3339 = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)

const spicelock = (...args: string[]): Promise<Ended> =>
  runHere(args, { SPICELOCK_ENDPOINTS: etcd.get().endpoint })

const parsed = ({ stdout }: Ended): unknown => JSON.parse(stdout)

/** Bob waits while Alice holds; resolves to her id. */
async function withQueue(check: (id: string) => Promise<void>): Promise<void> {
  const bob = lockAt(etcd.get().endpoint, { owner: 'bob' })
  const id = await lock.acquire(name, terms)
  const waiting = bob.acquire(name, terms)
  await eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(1))
  try {
    await check(id)
  } finally {
    await lock.release(name, id)
    await bob.release(name, await waiting)
    await bob.close()
  }
}

describe('spicelock ls', () => {
  it('shows the locks of all prefixes, with a row for each holder', () =>
    withQueue(async () => {
      const modules = lockAt(etcd.get().endpoint, { prefix: 'modules', owner: 'carol' })
      const ids = [await modules.acquire('spicerack.dns', { concurrency: 2, ttl: 7_200 })]
      ids.push(await modules.acquire('spicerack.dns', { concurrency: 3, ttl: 7_200 }))
      const { code, stdout, stderr } = await spicelock('ls')
      for (const id of ids) await modules.release('spicerack.dns', id)
      await modules.close()
      const rows = stdout
        .trim()
        .split('\n')
        .map(line => line.split(/ {2,}/))
      expect(rows).toEqual([
        ['PREFIX', 'NAME', 'HOLDER', 'SINCE', 'REMAINING', 'CONCURRENCY', 'WAITERS'],
        [
          'custom',
          name,
          'alice',
          expect.stringMatching(/^\d+s ago$/),
          expect.stringMatching(/^(1m|\d\ds)$/),
          '1',
          '1',
        ],
        [
          'modules',
          'spicerack.dns',
          'carol',
          expect.anything(),
          expect.stringMatching(/^(2h|1h 59m)$/),
          '2',
          '0',
        ],
        ['modules', 'spicerack.dns', 'carol', expect.anything(), expect.anything(), '3', '0'],
      ])
      expect([code, stderr]).toEqual([0, ''])
    }))

  it('--json tells all of it', () =>
    withQueue(async id => {
      const { key, holders } = await lock.inspect(name)
      const answer = await spicelock('ls', '--json', '--prefix', 'custom')
      expect(parsed(answer)).toEqual({
        locks: [
          {
            prefix: 'custom',
            name,
            key,
            holders: [
              {
                id,
                owner: 'alice',
                since: RFC_3339,
                remaining: expect.any(Number),
                renewed: false,
                concurrency: 1,
                ttl: 60,
                fencingToken: String(holders[0]!.fencingToken),
              },
            ],
            waiters: [{ id: expect.any(String), owner: 'bob', since: RFC_3339, place: 1 }],
            problem: null,
          },
        ],
      })
      expect([answer.code, answer.stderr]).toEqual([0, ''])
    }))

  it('has nothing to show under a prefix without locks', async () => {
    const args = ['ls', '--prefix', 'empty', '--allow-prefix', 'empty']
    expect(await spicelock(...args)).toEqual({
      code: 0,
      stdout: '',
      stderr: 'spicelock: no locks under empty\n',
    })
    expect(parsed(await spicelock(...args, '--json'))).toEqual({ locks: [] })
  })

  it('takes its options before the command, too', async () => {
    const id = await lock.acquire(name, terms)
    const answer = await runHere(['--endpoints', etcd.get().endpoint, '--json', 'ls'])
    expect(answer.stdout).toContain(id)
    await lock.release(name, id)
  })

  it('ends quietly when its reader has seen enough', async () => {
    const id = await lock.acquire(name, terms)
    const command = await CommandProcess.start(['ls', '--endpoints', etcd.get().endpoint])
    command.child.stdout!.destroy()
    expect(await command.ended()).toBe(0)
    expect(command.stderr).toBe('')
    await lock.release(name, id)
  })
})

describe('spicelock show', () => {
  it('shows holders and queue', () =>
    withQueue(async id => {
      const token = String((await lock.inspect(name)).holders[0]!.fencingToken)
      const [waiter] = (await lock.inspect(name)).waiters
      const { code, stdout } = await spicelock('show', name)
      const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+ \(\d+s ago\)`
      expect(stdout).toMatch(
        new RegExp(
          [
            `^"custom/${name}" is held by:`,
            'ID +OWNER +SINCE +REMAINING +CONCURRENCY +FENCING TOKEN',
            String.raw`${id}  alice  ${time}  \S+ +1 +${token}`,
            '',
            'These wait for it:',
            'PLACE +ID +OWNER +SINCE',
            `1 +${waiter!.id} +bob +${time}\\n$`,
          ].join('\n'),
        ),
      )
      expect(code).toBe(0)
    }))

  it('says when nobody holds or waits', async () => {
    const { code, stdout } = await spicelock('show', name)
    expect([code, stdout]).toEqual([0, `Nobody holds "custom/${name}".\n\nNobody waits for it.\n`])
    expect(parsed(await spicelock('show', name, '--json'))).toMatchObject({ name, holders: [], waiters: [] })
  })
})

describe('spicelock release', () => {
  const mine = `${defaultOwner().replace(/\d+\]$/, '')}1]`
  let own: Lock
  beforeAll(() => {
    own = lockAt(etcd.get().endpoint, { owner: mine })
  })
  afterAll(() => own.close())

  it('releases by id what this user holds on this host, and says whose it was', async () => {
    const id = await own.acquire(name, terms)
    const { code, stdout } = await spicelock('release', name, id)
    expect(stdout).toMatch(`Released "custom/${name}", held by ${mine} since 20`)
    expect(code).toBe(0)
    expect((await lock.inspect(name)).holders).toEqual([])
  })

  it.each([
    'alice',
    mine.replace('@', '2@'),
    mine.replace('[', '2 ['),
    `x${mine}`,
    mine.replace(' [', ' of ['),
    'PREFIX',
    'LINES',
  ])('does not take the lock of %s, but with --force and a reason', async owner => {
    const theirs = lockAt(etcd.get().endpoint, {
      owner: owner.replace('PREFIX', mine.slice(0, -4)).replace('LINES', 'a\nspicelock: b'),
    })
    const id = await theirs.acquire(name, terms)
    const refused = await spicelock('release', name, id)
    expect([refused.code, refused.stdout]).toEqual([77, ''])
    expect(refused.stderr).toMatch(
      /^spicelock: "custom\/\S+" is held by .* since 20\S+, which is not this user on this host; to take it all the same: /,
    )
    expect((await lock.inspect(name)).holders).toMatchObject([{ id }])
    const [, command] = /all the same: spicelock (.*)\n$/.exec(refused.stderr)!
    const args = [...command!.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word)
    const forced = await spicelock(...args.map(word => (word === 'TEXT' ? 'why not' : word)))
    expect([forced.code, forced.stdout]).toEqual([0, `Released "custom/${name}" by force.\n`])
    await theirs.close()
  })

  it('sends no waiter away, but with --force', () =>
    withQueue(async () => {
      const [waiter] = (await lock.inspect(name)).waiters
      const refused = await spicelock('release', name, waiter!.id)
      expect([refused.code, refused.stdout]).toEqual([77, ''])
      expect(refused.stderr).toMatch(
        /^spicelock: bob waits for "custom\/\S+" since 20\S+; to send bob away: .* --force /,
      )
      expect((await lock.inspect(name)).waiters).toEqual([waiter])
    }))

  it('ends with 1 when nobody holds under the id, and leaves the others alone', async () => {
    const id = await lock.acquire(name, terms)
    const { code, stdout, stderr } = await spicelock('release', name, 'other')
    expect(stderr).toContain(`nobody holds "custom/${name}" under the id other`)
    expect([code, stdout]).toEqual([1, ''])
    expect((await lock.inspect(name)).holders).toMatchObject([{ id }])
    await lock.release(name, id)
  })

  it('--json says both', async () => {
    const id = await own.acquire(name, terms)
    const common = { prefix: 'custom', name, id }
    const first = await spicelock('release', name, id, '--json')
    expect(parsed(first)).toEqual({ ...common, released: true, owner: mine, since: RFC_3339 })
    const second = await spicelock('release', name, id, '--json')
    expect(parsed(second)).toEqual({ ...common, released: false, owner: null, since: null })
    expect([first.code, second.code, second.stderr]).toEqual([0, 1, ''])
    const theirs = await lock.acquire(name, terms)
    const third = await spicelock('release', name, theirs, '--json')
    expect(parsed(third)).toEqual({
      ...common,
      id: theirs,
      released: false,
      owner: 'alice',
      since: RFC_3339,
    })
    expect([third.code, third.stderr]).toEqual([77, expect.stringContaining('is held by alice')])
    await lock.release(name, theirs)
  })
})

it('an entry that only Spicerack would write is listed and shown as it is', async () => {
  const store = storeAt(etcd.get().endpoint)
  const key = `/spicerack/locks/custom/${name}`
  const entry = { concurrency: 1, created: '9999-12-31 23:59:59-01:00', owner: '', ttl: 60.5 }
  const value = JSON.stringify({ 'by hand': entry })
  await store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
  const [listed, shown] = await Promise.all([spicelock('ls'), spicelock('show', name)])
  expect([listed.code, listed.stderr, shown.code, shown.stderr]).toEqual([0, '', 0, ''])
  expect(listed.stdout).toMatch(new RegExp(`custom +${name} +0s ago +\\d+d`))
  expect(shown.stdout).toContain('by hand')
  expect(parsed(await spicelock('show', name, '--json'))).toMatchObject({
    holders: [{ id: 'by hand', owner: '', ttl: 60.5, since: '9999-12-31T23:59:59.999999Z' }],
  })
  await store.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
  await store.close()
})

describe('a value in etcd that is no lock', () => {
  it('ends show and release with 65, and is a row of ls', async () => {
    const store = storeAt(etcd.get().endpoint)
    const key = `/spicerack/locks/custom/${name}`
    await store.commit({ compare: [], success: [{ type: 'put', key, value: 'no json' }], failure: [] })
    const shown = await spicelock('show', name, '--json')
    expect(parsed(shown)).toMatchObject({ error: { code: 'LOCK_UNREADABLE', key } })
    const released = await spicelock('release', name, 'id')
    expect([shown.code, released.code]).toEqual([65, 65])
    const listed = await spicelock('ls')
    expect(listed.stdout).toMatch(new RegExp(`${name} +\\(unreadable\\)`))
    expect(listed.stderr).toMatch(/^spicelock: \S/)
    expect(listed.code).toBe(0)
    await store.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
    await store.close()
  })
})

describe('connecting', () => {
  it('takes etcd from a file, before the environment', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'spicelock-spec-'))
    const { hostname, port } = new URL(etcd.get().endpoint)
    writeFileSync(join(dir, 'etcd.yaml'), `host: ${hostname}\nport: ${port}\n`)
    const env = { SPICELOCK_ENDPOINTS: 'http://127.0.0.1:1' }
    const { code } = await runHere(['show', name, '--config', join(dir, 'etcd.yaml')], env)
    expect(code).toBe(0)
    rmSync(dir, { recursive: true })
  })

  it('--verbose logs what is done, as SPICELOCK_LOG does', async () => {
    const command = ['run', name, '--endpoints', etcd.get().endpoint]
    const verbose = await runHere([...command, '--verbose', '--', 'true'])
    expect(verbose.stderr).toMatch(/^spicelock: debug: Acquiring lock \(key=\/spicerack/)
    const info = await runHere([...command, '--', 'true'], { SPICELOCK_LOG: 'info' })
    expect(info.stderr).toMatch(/^spicelock: info: Acquired lock .*\nspicelock: info: Released lock .*\n$/)
  })
})
