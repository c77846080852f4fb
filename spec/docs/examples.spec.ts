import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { apiKeysOf, weakKeysOf } from '../../lib/cli/commands/api-keys.js'
import { loadConfig } from '../../lib/config/load.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { isInstalled } from '../support/installed.js'
import { STAND_IN_OF_PYRELUKKO, STAND_IN_OF_SPICERACK } from '../support/python-stand-ins.js'
import { type Block, blocksOf, pages, root } from './doc-blocks.js'
import { COMPILED, ExampleRunner } from './example-runner.js'

/** How an example is executed, and what it then prints. */
type Example =
  | { readonly ts: RegExp }
  | { readonly sh: RegExp; readonly isCompiled?: true }
  /** Each line that starts a server, after the others. */
  | { readonly serves: true }
  | { readonly python: RegExp }
  | { readonly does: string; readonly check: (block: Block) => Promise<void> }
  /** Another test reads the page, and executes it. */
  | { readonly elsewhere: string }
  | { readonly not: string }

const NETWORK = { not: 'it fetches packages from the registry' }

const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  'README.md': [
    { not: 'it would run this very test; spec/examples/demo.spec.ts runs the demo' },
    { elsewhere: 'spec/package.spec.ts' },
    { ts: /no other process is in rack-a1; fencing token \d+/ },
    { sh: /no other process is in rack-a1\n[^]*"name": "rack-a1"/, isCompiled: true },
    { python: /^$/ },
  ],
  'docs/library.md': [
    { ts: /the work is done/ },
    { ts: /is not available to somebody else[^]*1 holder/ },
    { ts: /token \d+, held until 2/ },
    { ts: /^written: true$/m },
    { ts: /rack-a4.* \d+n/ },
    { ts: /^operator since 2.* \d+ s left, token \d+$/m },
    { ts: /^released: me, at revision \d+$/m },
    { ts: /held on etcd \d/ },
    { ts: /held in memory: x/ },
    { elsewhere: 'spec/bundle.spec.ts' },
  ],
  'docs/command.md': [
    { sh: /nobody else is in rack-a1\nnobody else is in either[^]*at most two backups/ },
    { does: 'runs on one host of two, and is silent on the other', check: runsOnOneHost },
    { does: 'deploys', check: deploys },
    { sh: /^the cookbook runs: sre.hosts.reboot db1001$/m },
    { sh: /Nobody holds "custom\/rack-a1"[^]*"holders": \[\]/ },
  ],
  'docs/relukko.md': [
    NETWORK,
    { serves: true },
    { serves: true },
    { python: /rack-a1/ },
    { sh: /^(\{.*"lock_name":"rack-a1".*\}){2}$/ },
    { sh: /^\{.*"ttl":120\}\{.*"released":true\}$/ },
    { ts: /rack-a1 is mine until 2\d{3}-/ },
    { ts: /rack-a2 is mine, too/ },
  ],
  'docs/configuration.md': [{ does: 'is a configuration without warnings', check: isConfiguration }],
  'docs/server.md': [
    NETWORK,
    { serves: true },
    { does: 'starts a server with the environment of the next block', check: unitServes },
    { not: 'it is the environment of the block before, which is executed with it' },
    { not: 'it builds images; spec/docker.spec.ts and spec/containers test what it starts' },
    { ts: /serving on http:\/\/127\.0\.0\.1:\d+/ },
    { does: 'names two users', check: namesUsers },
    { serves: true },
    { serves: true },
    { serves: true },
    { does: 'is what the server logs', check: isLogged },
  ],
  'docs/performance.md': [{ ts: /^sre.hosts.reboot in one etcd, while rack-a1 is held in another$/m }],
  'docs/security.md': [
    { elsewhere: 'spec/faults/rights.spec.ts' },
    { not: 'it needs etcdctl; spec/faults/rights.spec.ts does the same by the client' },
  ],
  'docs/migrating-from-spicerack.md': [
    { sh: /^the cookbook runs: sre.hosts.reboot db1001$/m },
    { sh: /^Spicerack holds custom rack-a1$[^]*^my command runs$/m },
    { not: 'it is the program with-spicerack-lock, which the examples around it run' },
    { ts: /^Spicerack holds custom rack-a1$[^]*^both locks are held$/m },
  ],
}

const etcd = useEtcdServer()
const otherEtcd = useEtcdServer()
let server: RelukkoServer
let runner: ExampleRunner
/** What the programs have printed. */
let printed: ReadonlyMap<string, string>

beforeAll(async () => {
  server = await RelukkoServer.create({
    config: { endpoints: etcd.get().endpoints },
    apiKeys: { ada: 'a-long-and-secret-key' },
  })
  runner = await ExampleRunner.open({
    etcd: etcd.get().endpoint,
    otherEtcd: otherEtcd.get().endpoint,
    server: await server.listen({ port: 0 }),
  })
  await runner.addCommand('cookbook', 'echo "the cookbook runs: $*"')
  await runner.addCommand('backup', 'echo "the backup runs: $*"')
  await runner.addCommand('my-command', 'echo "my command runs"')
  await runner.addFile('deploy.sh', '#!/bin/sh\necho "deployed by token $SPICELOCK_FENCING_TOKEN"\n')
  await mkdir(join(runner.folder, 'bin/spicerack'))
  await writeFile(join(runner.folder, 'bin/spicerack/locking.py'), STAND_IN_OF_SPICERACK)
  if (!isPython('pyrelukko')) await writeFile(join(runner.folder, 'bin/pyrelukko.py'), STAND_IN_OF_PYRELUKKO)
  await runner.addFile('bin/with-spicerack-lock', blockOf('docs/migrating-from-spicerack.md', 'python').code)
  printed = await runPrograms()
}, 120_000)
afterAll(async () => {
  await server.close()
  await runner.close()
})

it('knows every example of every page', () => {
  const shown = pages.map(page => [page, blocksOf(page).length])
  expect(shown).toEqual(pages.map(page => [page, EXAMPLES[page]?.length ?? 0]))
})

describe.each(Object.keys(EXAMPLES))('%s', page => {
  const examples = EXAMPLES[page]!.map((example, at) => ({ example, block: blocksOf(page)[at]!, at }))

  for (const { example, block, at } of examples) {
    const title = `example ${at + 1} (${block.language})`
    if ('not' in example) {
      it(`${title} is not executed: ${example.not}`, () => {
        expect(['text', 'sh', 'python']).toContain(block.language)
      })
    } else if ('elsewhere' in example) {
      it(`${title} is executed by ${example.elsewhere}`, () => {
        expect(readFileSync(join(root, example.elsewhere), 'utf8')).toContain(basename(page))
      })
    } else {
      const missing = missingFor(block)
      const test = missing === undefined ? it : it.skip
      const why = missing === undefined ? '' : `, but there is no ${missing}`
      test(`${title} ${'does' in example ? example.does : 'runs'}${why}`, () => execute(block, example))
    }
  }
})

async function execute(
  block: Block,
  example: Exclude<Example, { not: string } | { elsewhere: string }>,
): Promise<void> {
  if ('check' in example) return example.check(block)
  if ('serves' in example) return serves(block)
  if ('ts' in example) {
    expect(block.language).toBe('ts')
    return expect(printed.get(block.code)).toMatch(example.ts)
  }
  if ('sh' in example) {
    expect(block.language).toBe('sh')
    const { stdout } = await runner.shell(block.code, example.isCompiled && COMPILED)
    return expect(stdout).toMatch(example.sh)
  }
  expect(block.language).toBe('python')
  expect((await runner.python(block.code)).stdout).toMatch(example.python)
}

/** The program that the example needs and this machine does not have. */
function missingFor({ language, code }: Block): string | undefined {
  const needsPython = language === 'python' || code.includes('with-spicerack-lock')
  if (needsPython && !isPython('sys')) return 'python3'
  const needsCurl = language === 'sh' && /\bcurl -/.test(code)
  return needsCurl && !isInstalled('curl') ? 'curl' : undefined
}

function isPython(module: string): boolean {
  return spawnSync('python3', ['-c', `import ${module}`]).status === 0
}

function blockOf(page: string, language: string): Block {
  return blocksOf(page).find(block => block.language === language)!
}

async function serves({ code }: Block): Promise<void> {
  const lines = code.trim().split('\n')
  const isServe = (line: string): boolean => /spicelock serve/.test(line)
  const settings = ['export RELUKKO_API_KEY=a-long-and-secret-key', ...lines.filter(line => !isServe(line))]
  for (const line of lines.filter(isServe)) {
    const script = [...(line.includes('--embedded') ? [] : settings), line].join('\n')
    await runner.serving(script, async (_, log) => {
      await Promise.resolve()
      expect(log()).not.toMatch(/error/i)
    })
  }
}

async function runPrograms(): Promise<ReadonlyMap<string, string>> {
  const programs = pages.flatMap(blocksOf).flatMap(({ language, code }) => (language === 'ts' ? [code] : []))
  // For the one that listens to events.
  const lock = lockAt(etcd.get().endpoint, { owner: 'me' })
  let areOver = false
  const outputs = runner.node(programs).finally(() => (areOver = true))
  while (!areOver) {
    await lock.acquired('rack-a6', { concurrency: 1, ttl: 60 }, () => delay(50))
  }
  await lock.close()
  return new Map((await outputs).map((output, at) => [programs[at]!, output]))
}

async function runsOnOneHost({ code }: Block): Promise<void> {
  const [variable, line] = code.trim().split('\n') as [string, string]
  const [, command] = /^(?:\S+ ){5}(.*)$/.exec(line)!
  const host = (): Promise<unknown> =>
    runner
      .shell(`export ${variable}\n${command!.replace('sleep 60', 'sleep 2')}`)
      .catch((error: unknown) => error)
  const [one, other] = await Promise.all([host(), host()])
  const [ran, kept] = (one as { code?: number }).code === undefined ? [one, other] : [other, one]
  expect(ran).toMatchObject({ stdout: 'the backup runs: --full\n', stderr: '' })
  expect(kept).toMatchObject({ code: 75, stdout: '', stderr: '' })
}

async function deploys({ code }: Block): Promise<void> {
  const { deploy } = parse(code) as { deploy: { env: Record<string, string>; steps: { run: string }[] } }
  expect(Object.keys(deploy.env)).toEqual(['SPICELOCK_ENDPOINTS'])
  for (const step of deploy.steps) {
    expect((await runner.shell(step.run)).stdout).toMatch(/^deployed by token \d+$/m)
  }
}

async function isConfiguration({ code }: Block): Promise<void> {
  const { config, warnings } = loadConfig(await runner.addFile('etcd.yaml', code), '')
  expect(Object.keys(config)).toContain('endpoints')
  expect(warnings).toEqual([])
}

async function unitServes({ code }: Block): Promise<void> {
  const env = blocksOf('docs/server.md').find(block => block.code.startsWith('RELUKKO_API_KEY=a-long'))!.code
  const reachable = env.replace(/^SPICELOCK_ENDPOINTS=.*$/m, `SPICELOCK_ENDPOINTS=${etcd.get().endpoint}`)
  const [, command] = /^ExecStart=(.*)$/m.exec(code)!
  await runner.serving(`set -a\n${reachable}set +a\n${command}`, async url => {
    expect((await fetch(`${url}/healthchecker`)).status).toBe(200)
    expect((await fetch(`${url}/`)).status).toBe(200)
  })
}

async function namesUsers({ code }: Block): Promise<void> {
  const keys = apiKeysOf(await runner.addFile('keys.yaml', code))
  expect(Object.keys(keys)).toEqual(['ada', 'robots'])
  expect(weakKeysOf(keys)).toEqual([])
}

/** The same words and fields in the same order. */
async function isLogged({ code }: Block): Promise<void> {
  const shapeOf = (line: string): string =>
    line
      .trim()
      .replace(/\d{4}-[\d-]+T[\d:.]+Z/, 'TIME')
      .replace(/=[^,)]*/g, '=')
  const script = 'export RELUKKO_API_KEY=a-long-and-secret-key\nspicelock serve'
  await runner.serving(script, async (url, log) => {
    const headers = { 'x-api-key': 'a-long-and-secret-key' }
    await fetch(`${url}/v1/locks/0b6b8a4e-5d2f-4a53-a3c7-3a8f4c8f0a1e`, { method: 'DELETE', headers })
    await eventually(() => expect(log().split('\n').map(shapeOf)).toContain(shapeOf(code)))
  })
}
