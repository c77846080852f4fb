import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { loadConfig } from '../../../lib/config/load.js'
import { LockConfigError } from '../../../lib/model/errors.js'

let directory: string
let home: string
let file: string
let userFile: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spicelock-config-'))
  home = join(directory, 'home')
  mkdirSync(home)
  file = join(directory, 'locks.yml')
  userFile = join(home, '.etcdrc')
})
afterEach(() => rmSync(directory, { recursive: true }))

const load = (): unknown => loadConfig(file, home)

function thrownBy(attempt: () => unknown): Error {
  try {
    attempt()
  } catch (error) {
    return error as Error
  }
  throw new Error('Nothing was thrown.')
}

describe('loadConfig', () => {
  it("reads what Spicerack's users write", () => {
    writeFileSync(
      file,
      `---
# the cluster of site A
host:
  - [etcd1.example, 2379]
  - [etcd2.example, 2379]
protocol: https
ca_cert: /etc/ssl/ca.pem
allow_reconnect: true
use_proxies: true
`,
    )
    expect(load()).toEqual({
      config: {
        host: [
          ['etcd1.example', 2379],
          ['etcd2.example', 2379],
        ],
        protocol: 'https',
        ca_cert: '/etc/ssl/ca.pem',
        allow_reconnect: true,
      },
      warnings: [`${file}: the option 'use_proxies' has no meaning here and is ignored.`],
    })
  })

  it.each(['', '\n', '# nothing yet\n', '---\n', '{}', 'null'])(
    'takes %j for an empty configuration',
    text => {
      writeFileSync(file, text)
      expect(load()).toEqual({ config: {}, warnings: [] })
    },
  )

  it('says what to do about a missing file', () => {
    const message = `Unable to read the lock configuration ${file}: there is no such file. Create it, or name the right`
    expect(load).toThrow(LockConfigError)
    expect(load).toThrow(message)
  })

  it('names a file that cannot be read', () => {
    mkdirSync(file)
    expect(load).toThrow(LockConfigError)
    expect(load).toThrow(`Unable to read the lock configuration ${file}: EISDIR`)
  })

  it.each(['host', '- host', '42', '"password hunter2"'])('refuses %s, which is no mapping', text => {
    writeFileSync(file, text)
    expect(load).toThrow(`${file}: expected a mapping of options, got a`)
    expect(load).not.toThrow(/hunter2/)
  })

  it.each([
    ['port: 1\npassword: "hunter2', 'MISSING_CHAR at line 2, column 19'],
    ['password: @hunter2', 'BAD_SCALAR_START at line 1, column 11'],
    ['password: hunter2: x', 'BLOCK_AS_IMPLICIT_KEY at line 1, column 11'],
    ['password: hunter2\npassword: hunter2', 'DUPLICATE_KEY at line 2, column 1'],
    ['password: hunter2\n---\nport: 1', 'MULTIPLE_DOCS at line 2, column 1'],
    ['password: !hunter2 x', 'TAG_RESOLVE_FAILED at line 1, column 11'],
    ['password: *hunter2', 'an alias has no anchor. Put a value that starts with * in quotes'],
  ])('says where %j is broken, without quoting it', (text, where) => {
    writeFileSync(file, text)
    const error = thrownBy(load)
    expect(error).toBeInstanceOf(LockConfigError)
    expect(error.message).toContain(`The lock configuration ${file} is not valid YAML: ${where}.`)
    expect(error.message).not.toContain('hunter2')
    expect(error.cause).toBeUndefined()
  })
})

describe('loadConfig with an .etcdrc', () => {
  it('lets it win, key by key', () => {
    writeFileSync(file, 'host: [[etcd1, 1], [etcd2, 2]]\nread_timeout: 9\n')
    writeFileSync(userFile, 'host: etcd3\nport: 3\n')
    expect(load()).toEqual({ config: { host: 'etcd3', port: 3, read_timeout: 9 }, warnings: [] })
  })

  it('completes one file with the other', () => {
    writeFileSync(file, 'username: root\n')
    writeFileSync(userFile, 'password: hunter2\n', { mode: 0o600 })
    expect(load()).toEqual({ config: { username: 'root', password: 'hunter2' }, warnings: [] })
  })

  it('names both files when they contradict each other', () => {
    writeFileSync(file, 'host: etcd1\n')
    writeFileSync(userFile, 'endpoints: [http://etcd2]\n')
    expect(load).toThrow(`${file} with ${userFile}: 'endpoints' and 'host' exclude each other.`)
  })

  it('names only the main file when there is no other', () => {
    writeFileSync(file, 'username: root\n')
    expect(load).toThrow(`${file}: 'username' needs a 'password'.`)
  })

  it('names the file that holds a wrong field', () => {
    writeFileSync(file, 'port: 1\n')
    writeFileSync(userFile, 'port: no\n')
    expect(load).toThrow(`${userFile}: the option 'port' must be`)
    writeFileSync(file, 'port: no\n')
    expect(load).toThrow(`${file}: the option 'port' must be`)
  })

  it('names it when it is broken', () => {
    writeFileSync(file, '')
    writeFileSync(userFile, 'a: "')
    expect(load).toThrow(`The lock configuration ${userFile} is not valid YAML: MISSING_CHAR`)
  })

  it('names it when it cannot be read', () => {
    writeFileSync(file, '')
    mkdirSync(userFile)
    expect(load).toThrow(LockConfigError)
    expect(load).toThrow(`Unable to read the lock configuration ${userFile}: EISDIR`)
  })

  it('passes on the warnings of both files', () => {
    writeFileSync(file, 'lock_prefix: /a\n')
    writeFileSync(userFile, 'lock_prefix: /b\n')
    expect(loadConfig(file, home).warnings).toEqual([
      `${file}: the option 'lock_prefix' has no meaning here and is ignored.`,
      `${userFile}: the option 'lock_prefix' has no meaning here and is ignored.`,
    ])
  })

  it.each([0o640, 0o604, 0o644])('warns about a password that others can read (mode %o)', mode => {
    writeFileSync(file, 'username: root\n')
    writeFileSync(userFile, 'password: hunter2\n')
    chmodSync(userFile, mode)
    expect(loadConfig(file, home).warnings).toEqual([
      `${userFile} holds a password and others can read it: chmod 600 ${userFile}`,
    ])
  })

  it('does not mind others reading what is no password', () => {
    writeFileSync(file, '')
    writeFileSync(userFile, 'host: etcd1\n')
    chmodSync(userFile, 0o644)
    expect(loadConfig(file, home)).toEqual({ config: { host: 'etcd1' }, warnings: [] })
  })

  it('goes without it for a home that is no directory', () => {
    writeFileSync(file, 'port: 1\n')
    expect(loadConfig(file, '/dev/null').config).toEqual({ port: 1 })
  })

  it('goes without it when it is a link to nothing', () => {
    writeFileSync(file, 'port: 1\n')
    symlinkSync(join(home, 'gone'), userFile)
    expect(loadConfig(file, home).config).toEqual({ port: 1 })
  })

  it.each(['', '.', 'home'])('does not look below the working directory for the home %j', relative => {
    writeFileSync(file, 'port: 1\n')
    writeFileSync(userFile, 'port: 2\n')
    const before = process.cwd()
    process.chdir(relative === 'home' ? directory : home)
    try {
      expect(loadConfig(file, relative).config).toEqual({ port: 1 })
    } finally {
      process.chdir(before)
    }
  })
})
