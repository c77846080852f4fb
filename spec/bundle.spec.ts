import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { build } from 'esbuild'
import { useEtcdServer } from './support/etcd.js'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')
const etcd = useEtcdServer()
let project: string

/** As a user has it: a program, spicelock beside it, and two folders to which bundles are brought: one has what etcd3 needs. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'spicelock-bundle-'))
  await mkdir(join(project, 'node_modules/.bin'), { recursive: true })
  await symlink(root, join(project, 'node_modules/spicelock'))
  await mkdir(join(project, 'installed/node_modules'), { recursive: true })
  await mkdir(join(project, 'installed/node_modules/@grpc'))
  for (const name of ['etcd3', '@grpc/grpc-js']) {
    await symlink(join(root, 'node_modules', name), join(project, 'installed/node_modules', name))
  }
  await mkdir(join(project, 'elsewhere'))
  await writeFile(join(project, 'program.mjs'), program({}))
  await writeFile(join(project, 'signs-in.mjs'), program({ username: 'root', password: 'secret' }))
})
afterAll(() => rm(project, { recursive: true, force: true }))

function program(user: object): string {
  const config = JSON.stringify({ endpoints: etcd.get().endpoints, ...user })
  return `import { Lock } from 'spicelock'
    const config = ${config}
    const lock = new Lock({ config, prefix: 'custom', owner: 'me', dryRun: false })
    const report = error => console.log(error.name, error.code, error.message)
    lock.acquired('bundled', { concurrency: 1, ttl: 60 }, () => 'held').then(console.log, report).finally(() => lock.close())`
}

/** What it prints. */
async function output(file: string, ...flags: string[]): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [...flags, file], { timeout: 15_000 })
  expect(stderr).toBe('')
  return stdout.trim()
}

describe('a program that is bundled by esbuild', () => {
  it('as docs/library.md says, runs alone, and with the user of etcd where etcd3 and grpc-js are installed', async () => {
    const page = await readFile(join(root, 'docs/library.md'), 'utf8')
    const commands = [...page.matchAll(/^npx (esbuild program\.mjs .*)$/gm)].map(([, command]) => command!)
    expect(commands).toHaveLength(2)
    const [, externals] = /`(--external:.*)`/.exec(page)!
    const signingIn = commands.map(each =>
      `${each} ${externals}`.replaceAll('program.', 'signs-in.').replace('elsewhere/', 'installed/'),
    )
    for (const command of [...commands, ...signingIn]) {
      const words = [...command.matchAll(/"([^"]*)"|(\S+?)(?:="([^"]*)")?(?=\s|$)/g)]
      const args = words.map(
        ([, quoted, word, value]) => quoted ?? (value === undefined ? word! : `${word}=${value}`),
      )
      await run(join(root, 'node_modules/.bin', args[0]!), args.slice(1), { cwd: project })
      const [, file] = /--outfile=(\S+)/.exec(command)!
      expect(await output(join(project, file!))).toBe('held')
    }
  })

  const bundled = async (name: string, outfile: string, external: string[]): Promise<string> => {
    const file = join(project, outfile)
    const entryPoints = [join(project, name)]
    await build({ entryPoints, outfile: file, bundle: true, platform: 'node', logLevel: 'silent', external })
    return output(file)
  }

  it('runs alone, whatever is left out of it, when no user signs in', async () => {
    expect(await bundled('program.mjs', 'elsewhere/whole.cjs', [])).toBe('held')
    expect(await bundled('program.mjs', 'elsewhere/part.cjs', ['etcd3', '@grpc/grpc-js'])).toBe('held')
  })

  it('with etcd3 in it, says what to do when a user signs in', async () => {
    expect(await bundled('signs-in.mjs', 'installed/whole.cjs', [])).toMatch(
      /^LockError LOCK_ERROR etcd3 could not be loaded: .*rpc\.proto.*leave it out of the bundle \(esbuild: --external:etcd3 --external:@grpc\/grpc-js\)/,
    )
  })

  it('without etcd3 beside it, says what to do when a user signs in', async () => {
    expect(await bundled('signs-in.mjs', 'elsewhere/signs-in.cjs', ['etcd3', '@grpc/grpc-js'])).toMatch(
      /^LockError LOCK_ERROR etcd3 could not be loaded: .*install etcd3 and @grpc\/grpc-js beside it/,
    )
  })
})

describe('where no code may be made from strings', () => {
  const forbidden = '--disallow-code-generation-from-strings'

  it('a Lock on etcd says why no user can sign in', async () => {
    expect(await output(join(project, 'signs-in.mjs'), '--no-warnings', forbidden)).toMatch(
      /^LockError LOCK_ERROR etcd3 could not be loaded: .*It makes code from strings/,
    )
  })

  it('all else works', async () => {
    expect(await output(join(project, 'program.mjs'), forbidden)).toBe('held')
    const file = join(project, 'memory.mjs')
    await writeFile(
      file,
      `import { Lock } from 'spicelock'
      import { MemoryStore } from 'spicelock/testing'
      const lock = new Lock({ store: new MemoryStore(), prefix: 'custom', owner: 'me', dryRun: false })
      console.log(await lock.acquired('a', { concurrency: 1, ttl: 60 }, () => 'held'))
      try {
        new Lock({ config: { hots: 'x' }, prefix: 'custom', owner: 'me', dryRun: false })
      } catch (error) {
        console.log(error.message)
      }`,
    )
    expect(await output(file, forbidden)).toMatch(/^held\n.*unknown option 'hots', did you mean 'host'\?$/)
  })
})
