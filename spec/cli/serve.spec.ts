import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from '@jest/globals'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { writeChain } from '../support/certificates.js'
import { CommandProcess, type Ended } from '../support/command.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { runHere } from '../support/program.js'

const etcd = useEtcdServer()
const KEY = 'a secret of the test'
const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }

interface Serving {
  readonly command: CommandProcess
  readonly url: string
}

/** Resolves when it serves: many may start at once, on a machine that is busy. */
async function startWith(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Serving> {
  const command = await CommandProcess.start(['serve', '--port', '0', ...args], env)
  await eventually(() => expect(command.stderr).toContain('serving on'), 30_000)
  return { command, url: /serving on (\S+)/.exec(command.stderr)![1]! }
}

const start = (...args: string[]): Promise<Serving> =>
  startWith(['--endpoints', etcd.get().endpoint, ...args], { RELUKKO_API_KEY: KEY })

/** Those that run beside each other. */
function together(title: string, test: () => Promise<void>): void {
  it.concurrent(title, test, 60_000)
}

together('serves locks until it is told to end', async () => {
  const { command, url } = await start()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect((await fetch(`${url}/healthchecker`)).status).toBe(200)
  expect((await fetch(`${url}/v1/locks`)).status).toBe(403)
  const name = freshName()
  const post = (query = ''): Promise<Response> =>
    fetch(`${url}/v1/locks${query}`, { method: 'POST', headers, body: JSON.stringify({ lock_name: name }) })
  expect((await post()).status).toBe(201)
  const waiting = post('?wait=60')
  const lock = lockAt(etcd.get().endpoint)
  await eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(1))
  command.child.kill('SIGTERM')
  expect((await waiting).status).toBe(503)
  expect(await command.ended()).toBe(0)
  expect(command.stdout + command.stderr).not.toContain(KEY)
  expect(await lock.inspect(name)).toMatchObject({ holders: [{}], waiters: [] })
  await lock.close()
})

together(
  'listens where it is told to, believes a load balancer that it is told to trust, and logs trouble alone where SPICELOCK_LOG says so',
  async () => {
    // It may be guessed.
    const key = 'fifteen-letters'
    const env = { RELUKKO_API_KEY: key, SPICELOCK_LOG: 'warn' }
    const listening = ['--host', '0.0.0.0', '--trust-proxy', '10.0.0.0/8', '127.0.0.1']
    const { command, url } = await startWith(['--endpoints', etcd.get().endpoint, ...listening], env)
    expect(command.stderr).toMatch(
      /^spicelock: serving on http:\/\/127\.0\.0\.1:\d+ and all other addresses of this machine \(etcd: \S+\)\n/m,
    )
    const answer = await fetch(`${url}/v1/locks`, {
      method: 'POST',
      headers: { ...headers, 'x-api-key': key, 'x-forwarded-for': '192.0.2.7' },
      body: JSON.stringify({ lock_name: freshName() }),
    })
    expect(await answer.json()).toMatchObject({ ip: '192.0.2.7' })
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(0)
    expect(command.stderr).not.toContain('info:')
    expect(command.stderr).toContain("warn: The key of 'relukko' may be guessed")
    expect(command.stderr).not.toContain(key)
  },
)

together('serves with the certificate of the day, and says once which is of no use', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spicelock-serve-tls-'))
  const { server: files } = await writeChain(folder)
  const { command, url } = await start('--tls-cert', files[0], '--tls-key', files[1])
  const status = (): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const ca = readFileSync(join(folder, 'ca.pem'))
      get(`${url}/healthchecker`, { ca, agent: false }, answer => resolve(answer.resume().statusCode)).on(
        'error',
        reject,
      )
    })
  expect(await status()).toBe(200)
  await writeFile(files[1], 'half a key')
  await eventually(async () => {
    expect(await status()).toBe(200)
    expect(command.stderr).toContain('stay in use')
  })
  await writeChain(folder)
  await eventually(async () => expect(await status()).toBe(200))
  command.child.kill('SIGTERM')
  expect(await command.ended()).toBe(0)
  expect(command.stderr.match(/stay in use/g)).toHaveLength(1)
  await rm(folder, { recursive: true })
})

together(
  'names its etcd, and logs who has changed what and when, in one line each, and nothing else',
  async () => {
    const { command, url } = await start('--host', '::1', '--trust-proxy', '10.0.0.0/8')
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/)
    expect((await fetch(`${url}/healthchecker`)).status).toBe(200)
    await fetch(`${url}/v1/locks`, { headers })
    const body = JSON.stringify({ lock_name: freshName(), creator: 'a\nb' })
    const forged = { ...headers, 'x-forwarded-for': '192.0.2.7' }
    const answer = await fetch(`${url}/v1/locks`, { method: 'POST', headers: forged, body })
    const { id } = (await answer.json()) as { id: string }
    await fetch(`${url}/v1/locks/${id}/keep_alive`, { headers })
    await fetch(`${url}/v1/locks/${id}`, { method: 'DELETE', headers })
    // As its terminal does at its end.
    command.child.kill('SIGHUP')
    expect(await command.ended()).toBe(0)
    const [first, ...lines] = command.stderr.trimEnd().split('\n')
    expect(first).toBe(`spicelock: serving on ${url} (etcd: ${etcd.get().endpoint})`)
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
    const line = (method: string): unknown =>
      expect.stringMatching(
        new RegExp(`^spicelock: ${time} info: .*actor=relukko, ip=::1, method=${method}, `),
      )
    expect(lines).toEqual([line('POST'), line('GET'), line('DELETE')])
  },
)

together('killed while others wait stands in their way for some seconds only', async () => {
  const [one, two] = await Promise.all([start(), start()])
  const name = freshName()
  const post = (url: string, query = ''): Promise<Response> =>
    fetch(`${url}/v1/locks${query}`, { method: 'POST', headers, body: JSON.stringify({ lock_name: name }) })
  const lock = lockAt(etcd.get().endpoint)
  const queued = (length: number): Promise<void> =>
    eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(length))
  const first = (await (await post(two.url)).json()) as { id: string }
  const lost = post(one.url, '?wait=60').catch(() => 'cut')
  await queued(1)
  const waiting = post(two.url, '?wait=60')
  await queued(2)
  one.command.child.kill('SIGKILL')
  expect(await lost).toBe('cut')
  await fetch(`${two.url}/v1/locks/${first.id}`, { method: 'DELETE', headers: { 'x-api-key': KEY } })
  expect((await waiting).status).toBe(201)
  two.command.child.kill('SIGTERM')
  expect(await two.command.ended()).toBe(0)
  await lock.close()
})

together('starts while etcd is down, and serves when it is up', async () => {
  const server = await EtcdServer.start()
  const endpoint = server.endpoint
  await server.kill()
  const { command, url } = await startWith(['--endpoints', endpoint], { RELUKKO_API_KEY: KEY })
  await eventually(() => {
    expect(command.stderr).toContain(`warn: etcd does not answer at ${endpoint}. Until it does`)
  })
  const down = await fetch(`${url}/healthchecker`)
  expect([down.status, await down.json()]).toEqual([503, { status: 503, message: expect.any(String) }])
  expect((await fetch(`${url}/v1/locks`, { headers })).status).toBe(503)
  await server.restart()
  await eventually(async () => expect((await fetch(`${url}/healthchecker`)).status).toBe(200), 15_000)
  const body = JSON.stringify({ lock_name: freshName() })
  expect((await fetch(`${url}/v1/locks`, { method: 'POST', headers, body })).status).toBe(201)
  command.child.kill('SIGTERM')
  expect(await command.ended()).toBe(0)
  await server.stop()
})

together(
  'with --embedded, it serves on an etcd of its own, with secrets that it makes up, until it ends',
  async () => {
    const { command, url } = await startWith(['--embedded'], {})
    const found = (pattern: RegExp): string => pattern.exec(command.stderr)![1]!
    const key = found(/RELUKKO_API_KEY (\S+)/)
    const endpoint = found(/etcd of its own at (\S+),/)
    const answer = await fetch(`${url}/v1/locks`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({ lock_name: 'tried out' }),
    })
    expect(answer.status).toBe(201)
    const form = { user: found(/RELUKKO_USER (\S+)/), password: found(/RELUKKO_PASSWORD (\S+)/) }
    const signedIn = await fetch(`${url}/sign-in`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(form),
    })
    expect(signedIn.headers.get('location')).toBe('/')
    const lock = lockAt(endpoint)
    expect(await lock.list()).toMatchObject([{ name: 'tried out', holders: [{}] }])
    await lock.close()
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(0)
    await expect(fetch(`${endpoint}/health`)).rejects.toThrow()
  },
)

together(
  'with --embedded, it keeps to the secrets that are given, and does not ask how another etcd is reached',
  async () => {
    const secrets = { RELUKKO_API_KEY: KEY, RELUKKO_USER: 'ada', RELUKKO_PASSWORD: 'another secret' }
    const env = { ...secrets, SPICELOCK_CONFIG: '/no/such/file', SPICELOCK_ENDPOINTS: 'http://127.0.0.1:1' }
    const { command } = await startWith(['--embedded'], env)
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(0)
    for (const secret of [KEY, env.RELUKKO_PASSWORD]) expect(command.stderr).not.toContain(secret)
    expect(command.stderr).not.toMatch(/RELUKKO_/)
  },
)

it.each(['--endpoints', '--config'])('--embedded is not for %s', async option => {
  const { code, stderr } = await runHere(['serve', '--embedded', option, 'http://127.0.0.1:1'])
  expect([code, stderr]).toEqual([64, `spicelock: --embedded and ${option} exclude each other\n`])
})

it('refuses a port that there is not as wrong usage', async () => {
  const { code, stderr } = await runHere(['serve', '--port', '99999'])
  expect([code, stderr]).toEqual([64, expect.stringContaining('65535')])
})

it('needs a key', async () => {
  const { code, stderr } = await runHere(['serve'])
  expect(stderr).toContain('spicelock: RELUKKO_API_KEY must say the key that clients send, and is not set')
  expect(code).toBe(64)
})

it.each([
  ['robots: [', 'line 1 is not as YAML should be'],
  ['- a secret', 'must hold names, each with a key'],
  ['robots: 7', "the key of 'robots' is not a text: put it in quotes"],
  ['robots: "a secret\\nof the test"', "the key of 'robots' must be a text of ASCII"],
  ['ada: one secret\nbob: one secret', "'ada' and 'bob' have the same key"],
])('does not take %j for a file of keys, and tells none', async (content, message) => {
  const file = join(await mkdtemp(join(tmpdir(), 'spicelock-keys-')), 'keys.yaml')
  await writeFile(file, content)
  const { code, stderr } = await runHere(['serve', '--api-keys', file])
  await rm(dirname(file), { recursive: true })
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('secret')
  expect(code).toBe(64)
})

it('says when it cannot listen', async () => {
  const other = createServer()
  const port = await new Promise<number>(resolve => {
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port))
  })
  const listen = (...args: string[]): Promise<Ended> =>
    runHere(['serve', '--endpoints', etcd.get().endpoint, ...args], { RELUKKO_API_KEY: KEY })
  const taken = await listen('--port', String(port))
  const unknown = await listen('--host', 'no-such-host.invalid')
  other.close()
  expect(taken.stderr).toContain(`spicelock: cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`)
  expect(unknown.stderr).toContain('cannot listen on no-such-host.invalid:3000: ')
  expect([taken.code, unknown.code]).toEqual([64, 64])
})

it.each([
  [['--tls-cert', '/no/such/file'], '--tls-cert and --tls-key belong together'],
  [
    ['--tls-cert', '/no/such/file', '--tls-key', '/no/such/file'],
    "Unable to read the file /no/such/file of the option '--tls-cert': ENOENT",
  ],
  [
    ['--tls-cert', 'package.json', '--tls-key', 'package.json'],
    "Option '--tls-cert': the file package.json must hold a certificate in PEM form.",
  ],
  ...['all', '10.0.0.0/33', '::1/', '10.0.0.0/8/8'].map((network): [string[], string] => [
    ['--trust-proxy', network],
    `--trust-proxy: ${network} is no address`,
  ]),
  [['--prefix', 'etcd'], 'Invalid prefix "etcd"'],
  [['--grace', '-1'], 'It must be a whole number from 0 on'],
])('%j is refused', async (args, problem) => {
  const { code, stderr } = await runHere(['serve', ...args], { RELUKKO_API_KEY: KEY })
  expect(stderr).toContain(problem)
  expect(code).toBe(64)
})

it.each([
  [['--host', '127.0.0.1:4444'], {}, "--host: '127.0.0.1:4444' must be an address without a port"],
  [['--host', ''], {}, "--host: '' must be an address without a port"],
  [
    [],
    { RELUKKO_BIND_ADDR: '127.0.0.1:4444' },
    "RELUKKO_BIND_ADDR: '127.0.0.1:4444' must be an address without",
  ],
  [[], { RELUKKO_BIND_ADDR: '[::1]:4444' }, "RELUKKO_BIND_ADDR: '[::1]:4444' must be an address without"],
])('does not listen at %j, %j', async (args, env, problem) => {
  const { code, stderr } = await runHere(['serve', ...args], { RELUKKO_API_KEY: KEY, ...env })
  expect(stderr).toContain(problem)
  expect(code).toBe(64)
})

it('says in its help what the grace does', async () => {
  const { stdout } = await runHere(['serve', '--help'])
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    'how long after its expiry a lock still blocks others (default: 180)',
  )
})
