import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { build } from 'esbuild'
import { useEtcdServer } from './support/etcd.js'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')
const work = join(root, 'node_modules/.cache/spicelock', `readme-${process.pid}`)
const readme = await readFile(join(root, 'README.md'), 'utf8')
const etcd = useEtcdServer()

/** The blocks of code in a language, in their order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!)
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
    alias: { spicelock: join(root, 'lib/index.ts'), 'spicelock/testing': join(root, 'lib/testing/index.ts') },
    packages: 'bundle',
    external: [
      'etcd3',
      '@grpc/grpc-js',
      'pino',
      'ajv',
      'luxon',
      'cockatiel',
      'uuid',
      'yaml',
      'commander',
      'cli-table3',
      // Below it are native parts, which not every machine has built.
      'testcontainers',
    ],
  })
  return outfile
}

beforeAll(() => mkdir(work, { recursive: true }))
afterAll(() => rm(work, { recursive: true, force: true }))

describe('The README', () => {
  const expected = [
    /nobody else is in rack-a1 now/,
    /is not available to somebody else/,
    /rack-a4.* \d+n/,
    /token \d+, held until 2/,
    /held on etcd \d/,
  ]

  it('has as many examples as are checked here', () => {
    expect(blocks('ts')).toHaveLength(expected.length)
  })

  it.each(expected.map((output, index) => ({ index, output })))(
    'has an example $index that runs',
    async ({ index, output }) => {
      const code = blocks('ts')[index]!.replaceAll('http://127.0.0.1:2379', etcd.get().endpoint)
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

  it('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path!)
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter(path => !existsSync(join(root, dirname('README.md'), path)))).toEqual([])
  })
})
