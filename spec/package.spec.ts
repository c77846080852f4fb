import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { publint } from 'publint'
import { SERVER_PACKAGES } from '../lib/cli/commands/server-packages.js'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')
const { peerDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  peerDependencies: Record<string, string>
}
let user: string
let tarball: Uint8Array<ArrayBuffer>

/** What is in a fresh clone, as far as it matters for the package. */
const CLONED = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'lib', 'docs', 'examples', 'LICENSE']
CLONED.push('README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'bench/results')

/**
 * The packed tarball, unpacked where a user would have it, beside the packages that it depends on: made as the
 * README says, apart from what npm install fetches.
 */
beforeAll(async () => {
  user = await mkdtemp(join(tmpdir(), 'spicelock-package-'))
  const clone = join(user, 'spicelock')
  for (const path of CLONED) await cp(join(root, path), join(clone, path), { recursive: true })
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [install, pack, use] = /^npm install\s.*\nnpm pack .*\n.*my-project.*$/m.exec(readme)![0].split('\n')
  expect(install).toMatch(/^npm install +#/)
  const tooSoon = run('sh', ['-ec', pack!], { cwd: clone })
  const stderr: unknown = expect.stringContaining('Run npm install in this folder')
  await expect(tooSoon).rejects.toMatchObject({ stderr })
  await installCompiler(join(clone, 'node_modules'))
  await run('sh', ['-ec', pack!], { cwd: clone })
  await mkdir(join(user, 'my-project'))
  await run('sh', ['-ec', use!.replace('npm install', 'tar -xzf')], { cwd: clone })
  await rename(join(user, 'my-project/package'), join(user, 'package'))
  const [packed] = (await readdir(clone)).filter(file => file.endsWith('.tgz'))
  tarball = Uint8Array.from(await readFile(join(clone, packed!)))
  await rm(clone, { recursive: true })
  await linkPackages(join(user, 'node_modules'))
}, 120_000)
afterAll(() => rm(user, { recursive: true, force: true }))

/** One that takes what `npm test` has just compiled from the same sources, and only that: no files that are copied, no modes. */
async function installCompiler(packages: string): Promise<void> {
  await mkdir(join(packages, '.bin'), { recursive: true })
  await symlink(join(root, 'node_modules/typescript'), join(packages, 'typescript'))
  const script = `#!/bin/sh -e
    [ "$1 $2 $3" = "-p tsconfig.build.json --outDir" ]
    cp -R "${join(root, 'dist')}" "$4"
    rm -r "$4/server/page/static"
    chmod -x "$4/cli/main.js"`
  await writeFile(join(packages, '.bin/tsc'), script, { mode: 0o755 })
}

/** Each package by a link of its own, so that one can be taken away. */
async function linkPackages(packages: string): Promise<void> {
  const names = (await readdir(join(root, 'node_modules'))).filter(name => !name.startsWith('.'))
  for (const scope of names.filter(name => name.startsWith('@'))) {
    await mkdir(join(packages, scope), { recursive: true })
    names.push(...(await readdir(join(root, 'node_modules', scope))).map(name => `${scope}/${name}`))
  }
  for (const name of names.filter(one => !/^@[^/]+$/.test(one))) {
    await symlink(join(root, 'node_modules', name), join(packages, name))
  }
}

async function print(file: string, code: string): Promise<string> {
  await writeFile(join(user, 'package', file), code)
  return (await run(process.execPath, ['--no-warnings', file], { cwd: join(user, 'package') })).stdout.trim()
}

/** Does what is to be done while one package is not installed. */
async function withoutPackage<T>(missing: string, work: () => Promise<T>): Promise<T> {
  const path = join(user, 'node_modules', missing)
  await rename(path, join(user, 'away'))
  try {
    return await work()
  } finally {
    await rm(path, { recursive: true, force: true })
    await rename(join(user, 'away'), path)
  }
}

describe('The packed package', () => {
  const names = 'typeof Lock, typeof EtcdServer, typeof RelukkoClient, typeof RelukkoServer'

  it('is imported by ES modules', async () => {
    const relukko = `import { RelukkoClient } from 'spicelock/relukko'; import { RelukkoServer } from 'spicelock/server';`
    const imports = `import { Lock } from 'spicelock'; import { EtcdServer } from 'spicelock/testing'; ${relukko}`
    expect(await print('user.mjs', `${imports} console.log(${names})`)).toBe(
      'function function function function',
    )
  })

  it('is required by CommonJS', async () => {
    const relukko = `const { RelukkoClient } = require('spicelock/relukko'); const { RelukkoServer } = require('spicelock/server');`
    const requires = `const { Lock } = require('spicelock'); const { EtcdServer } = require('spicelock/testing'); ${relukko}`
    expect(await print('user.cjs', `${requires} console.log(${names})`)).toBe(
      'function function function function',
    )
  })

  it('has an entry for each of its exports, as publint wants them', async () => {
    const { messages } = await publint({ pack: { tarball: tarball.buffer }, strict: true })
    expect(messages).toEqual([])
  })

  it('has types that agree with its code', async () => {
    const checked = await checkPackage(createPackageFromTarballData(tarball))
    expect(checked.types && Object.keys(checked.entrypoints)).toEqual([
      '.',
      './relukko',
      './server',
      './testing',
      './package.json',
    ])
    // Node 20.19 requires ES modules. A TypeScript that knows of no exports is not supported, as the README says.
    const known = (kind: string, resolution?: string): boolean =>
      kind === 'CJSResolvesToESM' || (kind === 'NoResolution' && resolution === 'node10')
    const problems = checked.types ? checked.problems : []
    const others = problems.filter(
      problem => !known(problem.kind, 'resolutionKind' in problem ? problem.resolutionKind : undefined),
    )
    expect(others).toEqual([])
  })

  it('does not load what only the command or the tests need', async () => {
    const loaded = `
      import { createRequire } from 'node:module'
      await import('spicelock')
      await import('spicelock/relukko')
      const cache = Object.keys(createRequire(import.meta.url).cache)
      console.log(cache.filter(path => /node_modules.(commander|cli-table3|esbuild|jest|undici|ws|fastify|testcontainers)/.test(path)).length)
    `
    expect(await print('lean.mjs', loaded)).toBe('0')
  })

  it.each([
    [
      'undici',
      'new RelukkoClient(url, "key", { tries: 1 }).getLocks()',
      'npm install undici@7 ws@8 LOCK_ERROR',
    ],
    [
      'ws',
      'new RelukkoClient(url, "key", { tries: 1 }).acquireRelukko("a", null, 9)',
      'npm install undici@7 ws@8 LOCK_ERROR',
    ],
    ['testcontainers', 'EtcdContainer.start()', 'npm install --save-dev testcontainers@11'],
    ['fastify', 'serve()', 'npm install fastify@5'],
    ['@fastify/websocket', 'serve()', '@fastify/websocket@11'],
    ['@fastify/swagger-ui', 'serve()', '@fastify/swagger-ui@5'],
    ['prom-client', 'serve()', 'prom-client@15'],
  ])('says that %s is missing where it is needed, and nowhere else', async (missing, work, advice) => {
    const code = `
      import 'spicelock'
      import { RelukkoClient, RelukkoError } from 'spicelock/relukko'
      import { EtcdContainer } from 'spicelock/testing'
      const url = 'http://127.0.0.1:1'
      const serve = () => {
        process.argv = [process.execPath, 'spicelock', 'serve']
        return import('./dist/cli/main.js')
      }
      console.log('loaded')
      const tell = error => console.log(error.message, error instanceof RelukkoError ? error.code : '')
      await ${work}.then(() => console.log('done'), tell)
      process.exit()
    `
    await writeFile(join(user, 'package/missing.mjs'), code)
    const options = { cwd: join(user, 'package'), env: { RELUKKO_API_KEY: 'key' }, timeout: 10_000 }
    const { stdout, stderr } = await withoutPackage(missing, () =>
      run(process.execPath, ['missing.mjs'], options).catch(
        (error: { stdout: string; stderr: string }) => error,
      ),
    )
    expect(stdout).toMatch(/^loaded$/m)
    expect(stdout + stderr).toContain(advice)
  })

  it.each([
    [[], {}],
    [['--embedded'], { RELUKKO_API_KEY: '' }],
  ])('serves with no other fastify than the one that it needs: %j', async (args, env) => {
    const fastify = join(user, 'node_modules/fastify')
    const options = { cwd: join(user, 'package'), env: { RELUKKO_API_KEY: 'key', ...env }, timeout: 10_000 }
    const serve = withoutPackage('fastify', async () => {
      await mkdir(fastify)
      await writeFile(join(fastify, 'package.json'), '{ "name": "fastify", "version": "4.29.1" }')
      return run(process.execPath, ['dist/cli/main.js', 'serve', ...args], options)
    })
    const stderr = expect.stringMatching(
      /^spicelock: serve needs fastify@5, and 4\.29\.1 is installed: npm install fastify@5 .*\n$/,
    )
    await expect(serve).rejects.toMatchObject({ code: 64, stderr })
  })

  it('asks for the packages that its package.json names', () => {
    for (const [name, major] of Object.entries(SERVER_PACKAGES)) {
      expect([name, peerDependencies[name]]).toEqual([name, `^${major}.0.0`])
    }
  })

  it('has the command', async () => {
    const { stdout } = await run(process.execPath, ['dist/cli/main.js', '--version'], {
      cwd: join(user, 'package'),
    })
    expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+/)
  })

  it('holds types, licence and readme with what they show, and no tests', async () => {
    const { stdout } = await run('find', ['.', '-type', 'f'], { cwd: join(user, 'package') })
    const files = stdout.split('\n')
    expect(files).toEqual(
      expect.arrayContaining([
        './dist/index.d.ts',
        './dist/testing/index.d.ts',
        './dist/server/page/static/index.html',
        './LICENSE',
        './README.md',
      ]),
    )
    const linked: string[] = []
    for (const page of files.filter(file => /^\.\/[^/]+\.md$|^\.\/docs\//.test(file))) {
      const text = await readFile(join(user, 'package', page), 'utf8')
      const links = [...text.matchAll(/\]\((?!http)([^)#]+)/g)].map(([, path]) => path!)
      linked.push(...links.map(path => `./${join(dirname(page), path)}`))
    }
    expect(linked).toContain('./docs/architecture.md')
    expect(files).toEqual(expect.arrayContaining(linked))
    expect(files.filter(file => /\.spec\.|\/spec\/|\/bench\/(?!results\/[^/]+\.svg$)/.test(file))).toEqual([])
  })
})
