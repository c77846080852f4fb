import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { unconditionally } from '../../lib/kv/transaction.js'
import { lockKey } from '../../lib/protocol/lock-name.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { root } from '../support/bundle.js'
import { lockAt, storeAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { isInstalled } from '../support/installed.js'
import { STAND_IN_OF_PYRELUKKO } from '../support/python-stand-ins.js'

const KEY = 'a-long-and-secret-key'
const etcd = useEtcdServer()
const running: ChildProcess[] = []
let folder: string
/** Those that run by themselves, side by side. */
let alone: Record<
  'migrations' | 'several' | 'readers' | 'fenced' | 'node' | 'jest' | 'vitest' | 'store',
  Program[]
>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spicelock-examples-'))
  const modules = join(root, 'node_modules')
  const jestArgs = ['--experimental-vm-modules', join(modules, 'jest/bin/jest.js')]
  alone = {
    fenced: [example('fenced-file')],
    migrations: [
      ['db1', 'db2', 'db3'],
      ['db4', 'db5', 'db6'],
    ].map(dbs => example('bounded-migration', ...dbs)),
    several: [example('several-locks')],
    readers: [example('readers-and-writer')],
    node: [node('--test', '--test-reporter=tap', 'examples/unit-test/with-node.test.mjs')],
    store: [node('--test', '--test-reporter=tap', 'examples/own-store.test.mjs')],
    jest: [node(...jestArgs, '--config', 'examples/unit-test/jest.config.json')],
    vitest: [node(join(modules, 'vitest/vitest.mjs'), 'run', 'examples/unit-test/with-vitest.test.mjs')],
  }
})
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** An example that runs, as a user would start it, from the folder above `examples`. */
class Program {
  output = ''
  private readonly end: Promise<unknown[]>

  constructor(
    readonly child: ChildProcess,
    private readonly name: string,
  ) {
    running.push(child)
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    }
    this.end = once(child, 'close')
  }

  get lines(): string[] {
    return this.output.trim().split('\n')
  }

  /** Until it has printed that. */
  async said(what: RegExp): Promise<void> {
    await eventually(() => expect(this.output).toMatch(what), 15_000)
  }

  /** To its end, which must be the expected one. */
  async ended(expected: number | NodeJS.Signals = 0): Promise<this> {
    const [code, signal] = await this.end
    expect({ program: this.name, output: this.output, end: code ?? signal }).toMatchObject({ end: expected })
    return this
  }
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const endpoints = etcd.get().endpoint
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, SPICELOCK_ENDPOINTS: endpoints, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return new Program(child, args.join(' '))
}

function node(...args: string[]): Program {
  return start(process.execPath, args, { NO_COLOR: '1', FORCE_COLOR: '0' })
}

function example(name: string, ...args: string[]): Program {
  return node(`examples/${name}.mjs`, ...args)
}

describe('Examples of the library', () => {
  it('start an etcd to try them on', async () => {
    const server = example('etcd')
    await server.said(/^export SPICELOCK_ENDPOINTS=http:\/\/127\.0\.0\.1:\d+$/m)
    server.child.kill('SIGINT')
    await server.ended()
  })

  it('let one worker of many work, and another take over', async () => {
    const ann = example('singleton-worker', 'ann')
    await ann.said(/ann works/)
    const bob = example('singleton-worker', 'bob')
    await bob.said(/bob waits/)
    ann.child.kill('SIGTERM')
    await bob.said(/bob works/)
    await ann.ended()
    const cyd = example('singleton-worker', 'cyd')
    await cyd.said(/cyd waits/)
    expect(cyd.output).not.toMatch(/holds/)
    bob.child.kill('SIGKILL')
    await cyd.said(/cyd works/)
    cyd.child.kill('SIGTERM')
    await cyd.ended()
    const tokens = [ann, bob, cyd].map(({ output }) => Number(/token (\d+)/.exec(output)![1]))
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b))
  }, 40_000)

  it('stop work when the lock is lost, and stand in the queue again', async () => {
    await using lock = lockAt(etcd.get().endpoint)
    const ann = example('singleton-worker', 'ann')
    await ann.said(/ann works/)
    const [holder] = (await lock.inspect('worker')).holders
    await lock.forceRelease('worker', holder!.id, { reason: 'to see' })
    await ann.said(/ann stops: The lock .*\nann waits\nann holds, with token \d+\nann works/)
    ann.child.kill('SIGTERM')
    await ann.ended()
  }, 30_000)

  it('end on an error that does not pass by itself', async () => {
    const store = storeAt(etcd.get().endpoint)
    const { path } = lockKey('custom', 'worker')
    const put = { type: 'put', key: path, value: 'not a lock' } as const
    await store.commit(unconditionally(put))
    const ann = example('singleton-worker', 'ann')
    expect((await ann.ended(1)).output).toMatch(/LOCK_UNREADABLE/)
    await store.commit(unconditionally({ type: 'delete', key: path }))
    await store.close()
  }, 30_000)

  it('migrate two databases at a time, over all processes', async () => {
    const lines: string[] = []
    for (const program of alone.migrations) lines.push(...(await program.ended()).lines)
    expect(lines.filter(line => line.endsWith(' is done'))).toHaveLength(6)
    // Both have one clock. "is done" is said before the release, and "starts" after the grant.
    const changes = lines
      .toSorted((a, b) => timeOf(a) - timeOf(b) || Number(b.endsWith('done')) - Number(a.endsWith('done')))
      .map(line => (line.endsWith(' starts') ? 1 : -1))
    const atOnce = changes.map((_, at) => changes.slice(0, at + 1).reduce((sum, change) => sum + change, 0))
    expect(Math.max(...atOnce)).toBe(2)
  })

  it('take several locks in opposite orders, without deadlock and without loss', async () => {
    const { lines } = await alone.several[0]!.ended()
    expect(lines).toHaveLength(4)
    expect(lines.at(-1)).toBe('ann has 75, bob has 125')
  })

  it('let readers read together, and a writer write alone', async () => {
    const { lines } = await alone.readers[0]!.ended()
    expect(lines).toEqual([
      'ann and bob read',
      'the writer waits for both',
      'cyd waits behind the writer',
      'the writer writes, alone: 1 holder, 1 waiter',
      'cyd reads',
    ])
  })

  it('refuse a write that comes too late', async () => {
    const { output } = await alone.fenced[0]!.ended()
    expect(output).toMatch(/^refused: token \d+ is older than \d+\nthe file was written by its successor\n$/)
  })
})

describe('Examples of unit tests', () => {
  it.each([
    ['node', /^# pass 2$[^]*^# fail 0$/m],
    ['jest', /^Tests: +2 passed, 2 total$/m],
    ['vitest', /^ *Tests +2 passed \(2\)$/m],
  ] as const)('run under %s', async (runner, passed) => {
    const { output } = await alone[runner][0]!.ended()
    expect(output).toMatch(passed)
  })
})

describe('The example of a store of one’s own', () => {
  it('passes the contract', async () => {
    const { output } = await alone.store[0]!.ended()
    expect(output).toMatch(/^# tests ([2-9]\d)\n(.*\n)?# pass \1$/m)
  })
})

describe('Examples over HTTP', () => {
  let server: RelukkoServer
  let env: NodeJS.ProcessEnv
  beforeAll(async () => {
    const config = { endpoints: etcd.get().endpoints }
    server = await RelukkoServer.create({ config, apiKeys: { ci: KEY } })
    env = { LOCKS_URL: await server.listen({ port: 0 }), LOCKS_KEY: KEY }
  })
  afterAll(() => server.close())

  /** The locks of these examples; those that run by themselves may hold others. */
  const held = async (): Promise<unknown[]> => {
    const answer = await fetch(`${env['LOCKS_URL']}/v1/locks`, { headers: { 'x-api-key': KEY } })
    const all = (await answer.json()) as { lock_name: string }[]
    return all.filter(lock => lock.lock_name.startsWith('deploy'))
  }

  const take = async (name: string): Promise<string> => {
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }
    const body = JSON.stringify({ lock_name: name, creator: 'first' })
    const answer = await fetch(`${env['LOCKS_URL']}/v1/locks`, { method: 'POST', headers, body })
    expect(answer.status).toBe(201)
    return ((await answer.json()) as { id: string }).id
  }

  const release = async (id: string): Promise<void> => {
    const headers = { 'x-api-key': KEY }
    const answer = await fetch(`${env['LOCKS_URL']}/v1/locks/${id}`, { method: 'DELETE', headers })
    expect(answer.status).toBe(200)
  }

  const withCurl = isInstalled('curl') ? it : it.skip
  const needsCurl = isInstalled('curl') ? '' : ', but there is no curl'

  withCurl(`let one CI job at a time deploy, and hand on its exit code${needsCurl}`, async () => {
    const busy = join(folder, 'busy')
    // mkdir fails when another job is in there.
    const script = `mkdir ${busy} && sleep 0.3 && rmdir ${busy} && echo deployed; exit 3`
    const jobs = [1, 2, 3].map(() => start('examples/ci-job.sh', ['deploy', 'sh', '-c', script], env))
    for (const job of jobs) {
      const { lines } = await job.ended(3)
      expect(lines).toEqual(['deploy is locked', 'deployed', 'deploy is released'])
    }
    expect(await held()).toEqual([])
  })

  withCurl(`stop a CI job that is cancelled, and release its lock after that${needsCurl}`, async () => {
    const script = 'trap "echo cleaned up; exit 5" TERM; echo runs; while :; do sleep 0.1; done'
    const job = start('examples/ci-job.sh', ['deploy', 'sh', '-c', script], env)
    await job.said(/^runs$/m)
    job.child.kill('SIGTERM')
    const { lines } = await job.ended(143)
    expect(lines).toEqual(['deploy is locked', 'runs', 'cleaned up', 'deploy is released'])
    expect(await held()).toEqual([])
  })

  withCurl(`leave the queue with a CI job that is cancelled while it waits${needsCurl}`, async () => {
    const first = await take('deploy')
    const job = start('examples/ci-job.sh', ['deploy', 'echo', 'deployed'], env)
    await using lock = lockAt(etcd.get().endpoint)
    const waiters = async (): Promise<number> => (await lock.inspect('deploy')).waiters.length
    await eventually(async () => expect(await waiters()).toBe(1))
    job.child.kill('SIGTERM')
    expect((await job.ended(143)).output).toBe('')
    await eventually(async () => expect(await waiters()).toBe(0))
    await release(first)
    expect(await held()).toEqual([])
  })

  withCurl(`stop a CI job once when its lock is lost, and hand on its exit code${needsCurl}`, async () => {
    // What the script takes for a minute is a moment.
    const bin = join(folder, 'bin')
    await mkdir(bin)
    const quick = '#!/bin/sh\n[ "$1" != 60 ] || set -- 0.2\nPATH=${PATH#*:} exec sleep "$@"\n'
    await writeFile(join(bin, 'sleep'), quick, { mode: 0o755 })
    const cleanUp = 'echo stopping; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; exit 0'
    const script = `trap "${cleanUp}" TERM; echo runs; while :; do sleep 0.1; done`
    const PATH = `${bin}:${process.env['PATH']}`
    const job = start('examples/ci-job.sh', ['deploy', 'sh', '-c', script], { ...env, PATH })
    await job.said(/^runs$/m)
    const [{ id }] = (await held()) as [{ id: string }]
    await release(id)
    const { lines } = await job.ended(0)
    expect(lines.filter(line => !line.startsWith('curl: '))).toEqual([
      'deploy is locked',
      'runs',
      'stopping',
      'deploy is not released',
    ])
  })

  const python = isInstalled('python3') ? it : it.skip
  const needsPython = isInstalled('python3') ? '' : ', but there is no python3'

  python(`take a lock with pyrelukko${needsPython}`, async () => {
    const there = spawnSync('python3', ['-c', 'import pyrelukko']).status === 0
    const modules = join(folder, 'modules')
    await mkdir(modules)
    if (!there) await writeFile(join(modules, 'pyrelukko.py'), STAND_IN_OF_PYRELUKKO)
    const deploy = start('python3', ['examples/deploy.py'], { ...env, PYTHONPATH: modules })
    expect((await deploy.ended()).lines).toEqual([
      'deploy-staging is held by deploy.py',
      'deploying',
      'released',
    ])
    expect(await held()).toEqual([])
  })
})

describe('The page on the examples', () => {
  it('names every example, and only those that there are', async () => {
    const page = await readFile(join(root, 'examples/README.md'), 'utf8')
    const linked = [...page.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path!)
    expect(linked.filter(path => !existsSync(join(root, 'examples', path)))).toEqual([])
    const files = await readdir(join(root, 'examples'), { recursive: true })
    const programs = files.filter(file => /^[^/]+\.(mjs|sh|py)$|^unit-test\/with-.*\.mjs$/.test(file))
    expect(programs.length).toBeGreaterThan(9)
    expect(linked).toEqual(expect.arrayContaining(programs))
  })
})

/** When a line that starts with a time was printed. */
function timeOf(line: string): number {
  return Date.parse(line.split(' ')[0]!)
}
