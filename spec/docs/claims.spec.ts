import { execFile } from 'node:child_process'
import { type Dirent, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { apiKeysOf } from '../../lib/cli/commands/api-keys.js'
import { INSTALL_SERVER_PACKAGES } from '../../lib/cli/commands/server-packages.js'
import * as spicelock from '../../lib/index.js'
import type { LockEvent, LossReason } from '../../lib/index.js'
import type { RelukkoClient } from '../../lib/relukko/index.js'
import { schemas } from '../../lib/server/openapi/schemas.js'
import { v2 } from '../../lib/server/openapi/v2.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/testing/index.js'
import { blocksOf, pages, root, rowsOf, textOf } from './doc-blocks.js'

const run = promisify(execFile)

async function helpOf(...command: string[]): Promise<string> {
  return (await run(process.execPath, [join(root, 'dist/cli/main.js'), ...command, '--help'])).stdout
}

/** The words between backticks. */
function namesIn(text: string): string[] {
  return [...text.replace(/^```.*?^```$/gms, '').matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}

describe.each(pages)('%s', page => {
  it('links to files and headings that exist', () => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link]) => link!)
    const dead = links.filter(link => {
      const [path, anchor] = link.split('#') as [string, string | undefined]
      const target = path === '' ? page : join(dirname(page), path)
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    expect(dead).toEqual([])
  })
})

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const text = textOf(page).replace(/^```.*?^```$/gms, '')
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

describe('CONTRIBUTING.md', () => {
  const text = textOf('CONTRIBUTING.md')

  it('names scripts that there are, as the other pages do', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { scripts: object }
    const named = pages.flatMap(page =>
      [...textOf(page).matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name!),
    )
    expect(named).toContain('check')
    expect(named.filter(name => !Object.hasOwn(scripts, name))).toEqual([])
  })

  it('has every folder of lib, and names files and folders that there are', async () => {
    const layers = await readdir(join(root, 'lib'), { withFileTypes: true })
    const rooms = await readdir(join(root, 'lib/lock'), { withFileTypes: true })
    const namesOf = (entries: Dirent[]): string[] =>
      entries.filter(entry => entry.isDirectory()).map(({ name }) => name)
    const folders = namesOf(layers).map(name => `lib/${name}`)
    expect(namesIn(text)).toEqual(expect.arrayContaining(folders))
    expect(namesOf(rooms).filter(room => !text.includes(`lock/${room}`))).toEqual([])
    const paths = namesIn(text).filter(name =>
      /^(lib|lock|time|protocol|spec|bench|examples)\/[\w./-]*$/.test(name),
    )
    const exists = (path: string): boolean =>
      existsSync(join(root, path)) || existsSync(join(root, 'lib', path))
    expect(paths.filter(path => !exists(path))).toEqual([])
  })
})

describe('docs/command.md', () => {
  it('has every exit code, with no other, of the same commands', async () => {
    const help = (await helpOf()).split('Exit codes')[1]!
    const lines = [...help.matchAll(/^ {2}([\dN+]+) +(.*)$/gm)].map(([, code, meaning]) => [code, meaning])
    /** The commands of which something is told: `run: …`, or `run --dry-run: …`. */
    const commandsIn = (meaning: string): string[] =>
      [...meaning.replaceAll('`', '').matchAll(/(?<=^|; )[a-z]+(?: --[a-z-]+)?(?=: )/g)].map(([name]) => name)
    const told = lines.map(([code, meaning]) => [code, commandsIn(meaning!)])
    expect(told).toContainEqual(['128+N', ['run', 'watch']])
    const rows = rowsOf('docs/command.md', 'code')
    expect(rows.map(([code, meaning]) => [code, commandsIn(meaning!)])).toEqual(told)
  })

  it('has the options of run, with their defaults', async () => {
    const help = (await helpOf('run')).replace(/\n {20,}/g, ' ')
    const rows = rowsOf('docs/command.md', 'option of `run`')
    expect(rows.length).toBeGreaterThan(8)
    for (const [option, ours] of rows) {
      const name = /--[a-z-]+/.exec(option!)![0]
      const line = help.split('\n').find(each => each.includes(`  ${name} `))
      expect([name, line]).toEqual([name, expect.any(String)])
      const [, theirs] = /\(.*default: "?([\w@]+)/.exec(line!) ?? []
      if (theirs !== undefined) expect([name, ours]).toEqual([name, expect.stringContaining(theirs)])
    }
  })
})

describe('docs/server.md', () => {
  const manual = textOf('docs/server.md')

  it('names options that there are', async () => {
    const options = [...manual.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option)
    const help = await helpOf('serve')
    expect(options.length).toBeGreaterThan(10)
    const others = ['--build', '--max-semi-space-size', '--max-old-space-size', '--heap-growing-percent']
    expect(options.filter(option => !others.includes(option) && !help.includes(option))).toEqual([])
  })

  it('shows keys in JSON that can be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spicelock-keys-'))
    const [, json] = /JSON .*`(\{.*\})`/.exec(manual)!
    await writeFile(join(folder, 'keys'), json!)
    expect(Object.keys(apiKeysOf(join(folder, 'keys')))).toContain('ada')
    await rm(folder, { recursive: true })
  })

  it('names the metrics that there are', async () => {
    const store = new MemoryStore()
    const server = await RelukkoServer.create({ store, apiKeys: { ada: 'a-long-and-secret-key' } })
    const metrics = await (await fetch(`${await server.listen({ port: 0 })}/metrics`)).text()
    const told = [...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!)
    const named = namesIn(manual).filter(name => name.startsWith('spicelock_'))
    expect(named.sort()).toEqual(told.sort())
    await server.close()
    await store.close()
  })

  it.each(['docs/server.md', 'docs/relukko.md'])('installs what the server needs: %s', page => {
    expect(textOf(page)).toContain(`\n${INSTALL_SERVER_PACKAGES}\n`)
  })
})

describe('docs/relukko.md', () => {
  it("has the methods of RelukkoClient beside pyrelukko's", () => {
    const methods: Record<Exclude<Extract<keyof RelukkoClient, string>, 'toJSON'>, true> = {
      acquireRelukko: true,
      getLock: true,
      getLocks: true,
      updateRelukko: true,
      deleteRelukko: true,
      keepRelukkoAlive: true,
      keepRelukkoAlivePut: true,
      addToExpiresAtTime: true,
      addToExpiresAtTimePut: true,
      reconfigureRelukko: true,
      close: true,
    }
    const rows = rowsOf('docs/relukko.md', 'method')
    const named = rows.map(([call, theirs]) => [/^`(\w+)\(/.exec(call!)?.[1], ...namesIn(theirs!)])
    const inSnakeCase = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
    const wanted = Object.keys(methods).map(name => (name === 'close' ? [name] : [name, inSnakeCase(name)]))
    expect(named).toEqual(wanted)
  })

  it('has the routes of /v2, with what they take', () => {
    const told = rowsOf('docs/relukko.md', '`/v2`').map(([route, takes]) => {
      const [verb, path] = namesIn(route!)[0]!.split(' ')
      return [verb, path, namesIn(takes!).flatMap(name => name.match(/[a-z]+/g) ?? [])]
    })
    type Shown = {
      readonly parameters?: readonly { readonly in: string; readonly name: string }[]
      readonly requestBody?: { readonly content: Record<string, { schema: { properties: object } }> }
    }
    const routes = Object.entries(v2).flatMap(([path, operations]) =>
      Object.entries(operations as Record<string, Shown>).map(([verb, { parameters = [], requestBody }]) => [
        verb.toUpperCase(),
        path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase()),
        [
          ...Object.keys(requestBody?.content['application/json']!.schema.properties ?? {}),
          ...parameters.flatMap(parameter => (parameter.in === 'query' ? [parameter.name] : [])),
        ],
      ]),
    )
    expect(told).toEqual(routes)
  })

  it('has the type of events that the library does not tell', () => {
    const { properties } = schemas['Event'] as { properties: { type: { enum: string[] } } }
    const ofLibrary = typesOfEvents()
    const others = properties.type.enum.filter(type => !ofLibrary.includes(type))
    const [, told] = /and one more: `(.*?)`/.exec(textOf('docs/relukko.md'))!
    expect([told]).toEqual(others)
  })
})

/** As docs/library.md lists them. */
function typesOfEvents(): string[] {
  const [, sentence] = /The types are ([^.]*)\./.exec(textOf('docs/library.md'))!
  return namesIn(sentence!)
}

describe('docs/library.md', () => {
  it('has the reasons of a loss', () => {
    const reasons: Record<LossReason, true> = {
      expired: true,
      released: true,
      'released-elsewhere': true,
      'lease-lost': true,
      unreachable: true,
      closed: true,
    }
    const told = rowsOf('docs/library.md', '`reason`').flatMap(([reason]) => namesIn(reason!))
    expect([...told, 'released'].sort()).toEqual(Object.keys(reasons).sort())
  })

  it('has the types of events', () => {
    const types: Record<LockEvent['type'], true> = {
      queued: true,
      'gave-up': true,
      granted: true,
      released: true,
      expired: true,
      forced: true,
      ended: true,
    }
    expect(typesOfEvents().sort()).toEqual(Object.keys(types).sort())
  })

  it('has every class of errors, with its code', () => {
    const details = { reason: 'expired', fencingToken: 1n, by: 'me' } as never
    type ErrorClass = new (...args: readonly unknown[]) => spicelock.SpicerackError
    const codes = Object.entries(spicelock).flatMap(([name, value]): [string, string][] => {
      const isOne = (value as { prototype?: unknown }).prototype instanceof spicelock.SpicerackError
      if (!isOne || name === 'SpicerackCheckError') return []
      const args = name === 'LockDismissedError' ? ['key', 'id', details] : ['text', details]
      return [[name, new (value as unknown as ErrorClass)(...args).code]]
    })
    const told = rowsOf('docs/library.md', 'class').flatMap(([classes, ofThem]) => {
      const theirCodes = namesIn(ofThem!)
      return namesIn(classes!).map((name, at): [string, string] => [name, theirCodes[at]!])
    })
    expect(told.sort()).toEqual(codes.sort())
  })
})

it('the programs of all pages have right types', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spicelock-types-'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules/spicelock'))
  await symlink(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  const programs = pages.flatMap(blocksOf).filter(({ language }) => language === 'ts')
  for (const [at, { code }] of programs.entries()) await writeFile(join(folder, `${at}.mts`), code)
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2022', lib: ['es2023', 'esnext.disposable'], types: ['node'] },
    ...{ strict: true, noEmit: true, skipLibCheck: true },
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }))
  const tsc = run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])
  expect(await tsc.catch(({ stdout }: { stdout: string }) => ({ stdout }))).toMatchObject({ stdout: '' })
  await rm(folder, { recursive: true })
}, 60_000)
