import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import {
  getLockInstance,
  InvalidLockError,
  Lock,
  LockConfigError,
  LockError,
  NoLock,
} from '../../../lib/index.js'
import { logSpy } from '../../support/log-spy.js'

let directory: string
let file: string
const common = { prefix: 'custom', owner: 'tester' }

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spicelock-instance-'))
  file = join(directory, 'locks.yml')
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('getLockInstance', () => {
  it('runs without locks when there is no file to read', () => {
    expect(getLockInstance({ ...common, configFile: null })).toBeInstanceOf(NoLock)
  })

  it('makes a lock from a file, in dry-run unless that is switched off', () => {
    writeFileSync(file, 'host: etcd1.example\n')
    expect(getLockInstance({ ...common, configFile: file })).toBeInstanceOf(Lock)
    expect(getLockInstance({ ...common, configFile: file })).toMatchObject({ ...common, dryRun: true })
    expect(getLockInstance({ ...common, configFile: file, dryRun: false })).toMatchObject({ dryRun: false })
  })

  it('allows more prefixes to both', () => {
    writeFileSync(file, '')
    const more = { owner: 'tester', prefix: 'site', allowedPrefixes: ['site'] }
    expect(getLockInstance({ ...more, configFile: file })).toMatchObject({ prefix: 'site' })
    expect(getLockInstance({ ...more, configFile: null })).toBeInstanceOf(NoLock)
  })

  describe.each([
    ['with locks', (): string | null => file],
    ['without locks', (): string | null => null],
  ])('%s', (_kind, configFile) => {
    beforeEach(() => writeFileSync(file, ''))

    it('refuses a prefix that is not allowed', () => {
      const attempt = (): unknown => getLockInstance({ ...common, prefix: 'wrong', configFile: configFile() })
      expect(attempt).toThrow(LockError)
      expect(attempt).toThrow('Invalid prefix "wrong", must be one of: cookbooks, custom, modules')
    })

    it('refuses to allow a reserved prefix', () => {
      const more = { owner: 'tester', prefix: 'etcd', allowedPrefixes: ['etcd'] }
      const attempt = (): unknown => getLockInstance({ ...more, configFile: configFile() })
      expect(attempt).toThrow(LockError)
      expect(attempt).toThrow('The allowed prefix "etcd" is reserved')
    })
  })

  it('refuses a prefix before it looks at the file', () => {
    expect(() => getLockInstance({ ...common, prefix: 'wrong', configFile: file })).toThrow('Invalid prefix')
  })

  it('refuses a bad owner', () => {
    writeFileSync(file, '')
    expect(() => getLockInstance({ ...common, owner: '', configFile: file })).toThrow(InvalidLockError)
  })

  it('says that a file is missing', () => {
    const attempt = (): unknown => getLockInstance({ ...common, configFile: file })
    expect(attempt).toThrow(LockConfigError)
    expect(attempt).toThrow(`${file}: there is no such file`)
  })

  it.each([
    ['host: [', 'is not valid YAML'],
    ['hots: etcd1.example', 'hots'],
    ['port: many', 'port'],
  ])('says what is wrong with a file that says %j', (text, problem) => {
    writeFileSync(file, text)
    const attempt = (): unknown => getLockInstance({ ...common, configFile: file })
    expect(attempt).toThrow(LockConfigError)
    expect(attempt).toThrow(problem)
    expect(attempt).toThrow(file)
  })

  it('warns of an option that means nothing here', () => {
    writeFileSync(file, 'use_proxies: true\n')
    const { log, lines } = logSpy()
    getLockInstance({ ...common, configFile: file, logger: log })
    expect(lines).toMatchObject([{ level: 'warn', msg: expect.stringContaining('use_proxies') as unknown }])
  })
})
