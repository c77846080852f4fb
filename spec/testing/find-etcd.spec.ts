import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { BinaryCache } from '../../lib/testing/etcd-binary/binary-cache.js'
import { debianPackages } from '../../lib/testing/etcd-binary/debian-packages.js'
import { findEtcd } from '../../lib/testing/etcd-binary/find-etcd.js'
import { officialRelease } from '../../lib/testing/etcd-binary/official-release.js'
import type { Source } from '../../lib/testing/etcd-binary/source.js'
import { spawnTs } from '../support/run-ts.js'

jest.setTimeout(60_000)

let scratch: string
let env: NodeJS.ProcessEnv
let progress: string[]

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'spicelock-spec-'))
  env = { SPICELOCK_CACHE: join(scratch, 'cache'), PATH: join(scratch, 'bin') }
  progress = []
})

afterEach(() => rm(scratch, { recursive: true }))

const cacheName = `etcd-${process.platform}-${process.arch}`
const find = (sources: Source[] = []) => findEtcd(line => progress.push(line), { env, sources })

/** A file that answers `--version` as the etcd of that version does. */
async function write(path: string, version: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, `#!/bin/sh\necho 'etcd Version: ${version}'\n`)
  await chmod(path, 0o755)
  return path
}

const sourceOf = (version: string): Source => ({
  name: 'a test',
  fetch: directory => write(join(directory, 'unpacked/etcd'), version),
})

const emptySource: Source = {
  name: 'an empty shelf',
  fetch: () => Promise.reject(new Error('nothing there')),
}

describe('findEtcd', () => {
  it('prefers SPICELOCK_ETCD_BIN to all else', async () => {
    await write(join(scratch, 'bin/etcd'), '2.2.2')
    env['SPICELOCK_ETCD_BIN'] = await write(join(scratch, 'mine'), '1.1.1')
    expect(await find()).toEqual({ path: join(scratch, 'mine'), version: '1.1.1' })
  })

  it.each([
    ['does not exist', () => join(scratch, 'missing'), /ENOENT/],
    ['is something else', () => '/bin/echo', /printed 'echo /],
  ])('throws rather than looks elsewhere when SPICELOCK_ETCD_BIN %s', async (_, path, reason) => {
    await write(join(scratch, 'bin/etcd'), '2.2.2')
    env['SPICELOCK_ETCD_BIN'] = path()
    await expect(find([sourceOf('3.3.3')])).rejects.toThrow(/^SPICELOCK_ETCD_BIN is '.*Correct the variable/)
    await expect(find([sourceOf('3.3.3')])).rejects.toThrow(reason)
  })

  it('takes the first etcd on the PATH that works', async () => {
    await mkdir(join(scratch, 'broken'))
    await writeFile(join(scratch, 'broken/etcd'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    await write(join(scratch, 'bin/etcd'), '2.2.2')
    env['PATH'] = ['missing', 'broken', 'bin'].map(name => join(scratch, name)).join(delimiter)
    expect(await find()).toEqual({ path: join(scratch, 'bin/etcd'), version: '2.2.2' })
    expect(progress).toEqual([])
  })

  it('fetches once, says so, and then finds it in the cache', async () => {
    const path = join(scratch, 'cache', cacheName)
    expect(await find([emptySource, sourceOf('3.3.3')])).toEqual({ path, version: '3.3.3' })
    expect(progress).toEqual([
      'fetching etcd from an empty shelf…',
      'fetching etcd from a test…',
      `etcd 3.3.3 is now in ${path}`,
    ])
    expect(await find()).toEqual({ path, version: '3.3.3' })
    expect(progress).toHaveLength(3)
  })

  it('replaces a cached binary that does not work', async () => {
    await write(join(scratch, 'cache', cacheName), '')
    expect(await find([sourceOf('3.3.3')])).toMatchObject({ version: '3.3.3' })
  })

  it('serves many that fetch at once, and leaves nothing but the binary', async () => {
    const found = await Promise.all(Array.from({ length: 5 }, () => find([sourceOf('3.3.3')])))
    expect(new Set(found.map(binary => binary.version))).toEqual(new Set(['3.3.3']))
    expect(await readdir(join(scratch, 'cache'))).toEqual([cacheName])
  })

  it('says what was tried and what to do when there is none', async () => {
    await expect(find([emptySource])).rejects.toThrow(
      /no etcd on the PATH[^]*an empty shelf: nothing there[^]*Install etcd .* or set SPICELOCK_ETCD_BIN/,
    )
    expect(await readdir(join(scratch, 'cache'))).toEqual([])
  })
})

describe('BinaryCache', () => {
  it.each([
    ['SPICELOCK_CACHE', { SPICELOCK_CACHE: 'own', XDG_CACHE_HOME: 'xdg', HOME: 'home' }, 'own'],
    ['XDG_CACHE_HOME', { SPICELOCK_CACHE: '', XDG_CACHE_HOME: 'xdg', HOME: 'home' }, 'xdg/spicelock'],
    ['the home directory', { HOME: 'home' }, 'home/.cache/spicelock'],
  ])('lies in %s', async (_, variables, expected) => {
    const absolute = Object.entries(variables).map(([name, path]) => [name, path && join(scratch, path)])
    const cache = await BinaryCache.open(Object.fromEntries(absolute) as NodeJS.ProcessEnv)
    expect(cache.path).toBe(join(scratch, expected, cacheName))
  })

  it('is private among the temporary files when there is no home', async () => {
    const { path } = await BinaryCache.open({ HOME: '' }, scratch)
    expect(path).toBe(join(scratch, `spicelock-${process.getuid?.()}`, cacheName))
    expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700)
  })

  it('does not trust a directory among the temporary files that others may write to', async () => {
    const planted = join(scratch, `spicelock-${process.getuid?.()}`)
    await mkdir(planted)
    await chmod(planted, 0o777)
    await expect(BinaryCache.open({}, scratch)).rejects.toThrow(/mode 0700, but has owner .* mode 0777/)
  })

  it('names the variable to set when it cannot be made', async () => {
    await expect(BinaryCache.open({ SPICELOCK_CACHE: '/dev/null/cache' })).rejects.toThrow(
      /Set SPICELOCK_CACHE/,
    )
  })
})

describe('the official release', () => {
  const url = '/download/v9.9.9'
  let server: Server
  let files: Map<string, Buffer>

  beforeEach(async () => {
    files = new Map()
    server = createServer(({ url = '' }, response) => {
      const file = files.get(url)
      response.writeHead(file ? 200 : 404).end(file)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })

  afterEach(() => void server.close().closeAllConnections())

  /** Publishes an archive as etcd's makers pack them, and returns its checksum. */
  async function publish(name: string): Promise<string> {
    const build = name.replace(/\.tar\.gz$|\.zip$/, '')
    await write(join(scratch, 'release', build, 'etcd'), '9.9.9')
    execFileSync('tar', ['-czf', join(scratch, name), '-C', join(scratch, 'release'), build])
    const bytes = await readFile(join(scratch, name))
    files.set(`${url}/${name}`, bytes)
    return createHash('sha256').update(bytes).digest('hex')
  }

  const release = (sha256: Record<string, string>, platform = 'linux', arch = 'x64') => {
    const { port } = server.address() as AddressInfo
    return officialRelease(
      { version: '9.9.9', url: `http://127.0.0.1:${port}${url}`, sha256 },
      platform,
      arch,
    )
  }

  it.each([
    ['linux', 'x64', 'etcd-v9.9.9-linux-amd64.tar.gz'],
    ['linux', 'arm64', 'etcd-v9.9.9-linux-arm64.tar.gz'],
  ])('for %s on %s is taken when it has the known checksum', async (platform, arch, name) => {
    const sha256 = { [name]: await publish(name) }
    expect(await find([release(sha256, platform, arch)])).toMatchObject({ version: '9.9.9' })
  })

  it.each([
    ['x64', 'etcd-v9.9.9-darwin-amd64.zip'],
    ['arm64', 'etcd-v9.9.9-darwin-arm64.zip'],
  ])('for darwin on %s is taken when the release lists its checksum', async (arch, name) => {
    files.set(
      `${url}/SHA256SUMS`,
      Buffer.from(`${'0'.repeat(64)}  other.zip\n${await publish(name)}  ${name}\n`),
    )
    expect(await find([release({}, 'darwin', arch)])).toMatchObject({ version: '9.9.9' })
  })

  it('is refused when its checksum is not the known one, whatever the release itself says', async () => {
    const name = 'etcd-v9.9.9-linux-amd64.tar.gz'
    files.set(`${url}/SHA256SUMS`, Buffer.from(`${await publish(name)}  ${name}\n`))
    const forged = find([release({ [name]: 'f'.repeat(64) })])
    await expect(forged).rejects.toThrow(/linux-amd64\.tar\.gz from .* has sha256 .*, expected f{64}/)
    expect(await readdir(join(scratch, 'cache'))).toEqual([])
  })

  it('is refused when the release lists another checksum, or none', async () => {
    const name = 'etcd-v9.9.9-darwin-arm64.zip'
    await publish(name)
    files.set(`${url}/SHA256SUMS`, Buffer.from(`${'0'.repeat(64)}  ${name}\n`))
    await expect(find([release({}, 'darwin', 'arm64')])).rejects.toThrow(/expected 0{64}/)
    files.set(`${url}/SHA256SUMS`, Buffer.from(`${'0'.repeat(64)}  other.zip\n`))
    await expect(find([release({}, 'darwin', 'arm64')])).rejects.toThrow(/does not list etcd-v9.9.9-darwin/)
  })

  it('says which download failed, and for which machines there is none', async () => {
    await expect(find([release({})])).rejects.toThrow(/cannot download http.*amd64\.tar\.gz: it answered 404/)
    await expect(find([release({}, 'linux', 'mips')])).rejects.toThrow(/no build for linux on mips/)
    await expect(find([release({}, 'win32')])).rejects.toThrow(/no build for win32 on x64/)
  })
})

const onDebian = process.platform === 'linux' && ['apt-get', 'dpkg'].every(isInstalled)

function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some(directory => existsSync(join(directory, command)))
}

;(onDebian ? describe : describe.skip)('the Debian packages', () => {
  it('are unpacked into an empty cache', async () => {
    const { path, version } = await find([debianPackages])
    expect(version).toMatch(/^3\.\d+\.\d+/)
    expect(path).toBe(join(scratch, 'cache', cacheName))
    expect(await readdir(join(scratch, 'cache'))).toEqual([cacheName])
  })

  it('are found without package lists of the system', async () => {
    const config = join(scratch, 'apt.conf')
    await mkdir(join(scratch, 'lists/partial'), { recursive: true })
    await writeFile(config, `Dir::State::Lists "${join(scratch, 'lists')}";\n`)
    const child = await spawnTs('spec/testing/fetch-etcd.ts', [], {
      env: { ...process.env, SPICELOCK_CACHE: join(scratch, 'cache'), APT_CONFIG: config },
    })
    expect(await text(child.stdout!)).toMatch(/fetching the package lists…[^]*^etcd 3\.\d+\.\d+ is now in /m)
    expect(await readdir(join(scratch, 'lists'))).toEqual(['partial'])
  })
})
