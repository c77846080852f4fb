import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { build } from 'esbuild'
import { apiKeysOf, weakKeysOf } from '../lib/cli/commands/api-keys.js'
import { INSTALL_SERVER_PACKAGES, SERVER_PACKAGES } from '../lib/cli/commands/server-packages.js'
import { RelukkoServer } from '../lib/server/server.js'
import { useEtcdServer } from './support/etcd.js'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')
const work = join(root, 'node_modules/.cache/spicelock', `readme-${process.pid}`)
const readme = await readFile(join(root, 'README.md'), 'utf8')
const manual = await readFile(join(root, 'docs/server.md'), 'utf8')
const clientPage = await readFile(join(root, 'docs/relukko-client.md'), 'utf8')
const moving = await readFile(join(root, 'docs/migrating-from-spicerack.md'), 'utf8')
const etcd = useEtcdServer()
let server: RelukkoServer
let url: string

/** The blocks of code in a language, in their order. */
function blocks(language: string, page = readme): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!)
}

async function bundle(name: string, contents: string): Promise<string> {
  const outfile = join(work, `${name}.mjs`)
  await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    alias: {
      spicelock: join(root, 'lib/index.ts'),
      'spicelock/relukko': join(root, 'lib/relukko/index.ts'),
      'spicelock/server': join(root, 'lib/server/index.ts'),
      'spicelock/testing': join(root, 'lib/testing/index.ts'),
    },
    packages: 'bundle',
    external: [
      'etcd3',
      '@grpc/grpc-js',
      'pino',
      'luxon',
      'cockatiel',
      'uuid',
      'yaml',
      'commander',
      'cli-table3',
      'undici',
      'ws',
      ...Object.keys(SERVER_PACKAGES),
      // Below it are native parts, which not every machine has built.
      'testcontainers',
    ],
  })
  return outfile
}

/** What a page says, with the servers of this test. */
function adapted(code: string): string {
  return code
    .replaceAll('http://127.0.0.1:2379', etcd.get().endpoint)
    .replaceAll('http://127.0.0.1:3000', url)
    .replaceAll('port: 3000', 'port: 0')
}

beforeAll(async () => {
  await mkdir(work, { recursive: true })
  const config = { endpoints: etcd.get().endpoints }
  server = await RelukkoServer.create({ config, apiKeys: { ada: 'a-long-and-secret-key' } })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  await server.close()
  await rm(work, { recursive: true, force: true })
})

describe('The README', () => {
  const expected = [
    /nobody else is in rack-a1 now/,
    /is not available to somebody else/,
    /rack-a4.* \d+n/,
    /token \d+, held until 2/,
    /rack-a1 is mine until 2\d{3}-/,
    /rack-a2 is mine, too/,
    /serving on http:\/\/127\.0\.0\.1:\d+/,
    /held on etcd \d/,
  ]

  it('has as many examples as are checked here', () => {
    expect(blocks('ts')).toHaveLength(expected.length)
  })

  it.each(expected.map((output, index) => ({ index, output })))(
    'has an example $index that runs',
    async ({ index, output }) => {
      const code = adapted(blocks('ts')[index]!)
      const { stdout } = await run(process.execPath, [await bundle(`example-${index}`, code)])
      expect(stdout).toMatch(output)
    },
  )

  it('shows commands that run', async () => {
    const cli = join(root, 'dist/cli/main.js')
    const script = blocks('sh').find(block => block.includes('npx spicelock run'))!
    const { stdout } = await run(
      'sh',
      ['-ec', script.replaceAll('npx spicelock', `"${process.execPath}" "${cli}"`)],
      {
        env: { ...process.env, SPICELOCK_ENDPOINTS: etcd.get().endpoint },
      },
    )
    expect(stdout).toContain('nobody else is in rack-a1')
    expect(stdout).toContain('"holders": []')
  })

  it('shows calls of curl that take, keep and release a lock', async () => {
    const script = adapted(blocks('sh').find(block => block.includes('curl'))!)
    const { stdout } = await run('sh', ['-exc', `${script}\necho; echo "$lock"`])
    const [kept, taken] = stdout.replaceAll('}{', '}\n{').split('\n').filter(Boolean).reverse().slice(0, 2)
    expect(JSON.parse(kept!)).toMatchObject({ lock_name: 'rack-a1', creator: 'my test run' })
    expect(JSON.parse(taken!)).toMatchObject({ lock_name: 'rack-a1' })
    const headers = { 'x-api-key': 'a-long-and-secret-key' }
    const held = (await (await fetch(`${url}/v1/locks`, { headers })).json()) as { lock_name: string }[]
    expect(held.map(lock => lock.lock_name)).not.toContain('rack-a1')
  })

  it('installs what the server needs', () => {
    const [line] = /^npm install fastify.*$/m.exec(readme)!
    expect(line).toBe(INSTALL_SERVER_PACKAGES)
    expect(manual).toContain(`\n${line}\n`)
  })

  it('links to files that exist', () => {
    const links = linksOf(readme)
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter(path => !existsSync(join(root, path)))).toEqual([])
  })
})

describe('The manual of the server', () => {
  it('names options that there are', async () => {
    const options = [...manual.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option)
    const { stdout } = await run(process.execPath, [join(root, 'dist/cli/main.js'), 'serve', '--help'])
    expect(options.length).toBeGreaterThan(10)
    expect([...new Set(options)].filter(option => option !== '--build' && !stdout.includes(option))).toEqual(
      [],
    )
  })

  it('shows files of keys that can be read', async () => {
    const file = join(work, 'keys')
    const [yaml] = blocks('yaml', manual)
    const [, json] = /^JSON .*`(\{.*\})`/m.exec(manual)!
    const before = process.env['RELUKKO_API_KEY']
    delete process.env['RELUKKO_API_KEY']
    for (const [text, names] of [
      [yaml!, ['ada', 'robots']],
      [json!, ['ada']],
    ] as const) {
      await writeFile(file, text)
      const keys = apiKeysOf(file)
      expect(Object.keys(keys)).toEqual(names)
      expect(weakKeysOf(keys)).toEqual([])
    }
    if (before !== undefined) process.env['RELUKKO_API_KEY'] = before
  })

  it('names the metrics that there are', async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    const told = new Set([...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!))
    const named = new Set([...manual.matchAll(/`(spicelock_\w+)`/g)].map(([, name]) => name!))
    expect(named).toEqual(told)
  })

  it('links to files that exist', () => {
    expect(linksOf(manual).filter(path => !existsSync(join(root, 'docs', path)))).toEqual([])
  })
})

describe('The page on the settings of RelukkoClient', () => {
  it('has an example that runs', async () => {
    const examples = blocks('ts', clientPage)
    expect(examples).toHaveLength(1)
    const { stdout } = await run(process.execPath, [await bundle('client', adapted(examples[0]!))])
    expect(stdout).toMatch(/^\d+ locks$/m)
  })
})

describe('The page on moving from Spicerack', () => {
  const python = spawnSync('python3', ['--version']).status === 0 ? it : it.skip

  python('has a program and a command that hold both locks, one inside the other', async () => {
    const bin = join(work, 'bin')
    const config = join(work, 'locks.yaml')
    const there = (code: string): string => code.replaceAll('/etc/spicerack/locks.yaml', config)
    await mkdir(join(bin, 'spicerack'), { recursive: true })
    await writeFile(config, `endpoints: ["${etcd.get().endpoint}"]\n`)
    await writeFile(join(bin, 'spicerack/locking.py'), STAND_IN_OF_SPICERACK)
    await writeFile(join(bin, 'with-spicerack-lock'), there(blocks('python', moving)[0]!), { mode: 0o755 })
    await writeFile(join(bin, 'my-command'), '#!/bin/sh\necho "my command runs"\n', { mode: 0o755 })
    const cli = `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/cli/main.js')}" "$@"\n`
    await writeFile(join(bin, 'spicelock'), cli, { mode: 0o755 })
    const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, PYTHONPATH: bin }

    const [example] = blocks('ts', moving)
    const ran = await run(process.execPath, [await bundle('moving', there(example!))], { env })
    expect(ran.stdout).toMatch(/^Spicerack holds custom rack-a1$.*^both locks are held$/ms)
    const [command] = blocks('text', moving).filter(block => block.includes('with-spicerack-lock'))
    const { stdout } = await run('sh', ['-ec', there(command!)], { env })
    expect(stdout).toMatch(/^Spicerack holds custom rack-a1$.*^my command runs$/ms)
  })

  it.each(['migrating-from-spicerack.md', 'security.md'])('%s links to files that exist', async page => {
    const links = linksOf(await readFile(join(root, 'docs', page), 'utf8'))
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter(path => !existsSync(join(root, 'docs', path)))).toEqual([])
  })
})

/** Of its module `spicerack.locking`, as far as the program needs it. */
const STAND_IN_OF_SPICERACK = `
from contextlib import contextmanager
COOKBOOKS_CUSTOM_PREFIX = "custom"
class Lock:
    @contextmanager
    def acquired(self, name, *, concurrency, ttl):
        print("Spicerack holds", self.prefix, name, flush=True)
        yield
def get_lock_instance(*, config_file, prefix, owner, dry_run=True):
    open(config_file).close()
    lock = Lock()
    lock.prefix = prefix
    return lock
`

function linksOf(page: string): string[] {
  return [...page.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path!)
}
