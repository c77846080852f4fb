import { describe, expect, it } from '@jest/globals'
import {
  InvalidLockError,
  Lock,
  type LockConfig,
  LockConfigError,
  type LockOptions,
} from '../../../lib/index.js'
import { RelukkoAdapter } from '../../../lib/relukko/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'

const make = (options: Partial<LockOptions> = {}): Lock =>
  new Lock({ prefix: 'custom', owner: 'tester', ...options })

describe('new Lock', () => {
  it.each(['cookbooks', 'custom', 'modules'])('takes the prefix %s', prefix => {
    expect(make({ prefix })).toMatchObject({ prefix, owner: 'tester', dryRun: true })
  })

  it.each(['site', 'A.b_c-9', '..', 'x'.repeat(64)])('takes the prefix %s when it is allowed', prefix => {
    expect(make({ prefix, allowedPrefixes: ['another', prefix] }).prefix).toBe(prefix)
  })

  it.each(['wrong', '', 'Custom', 'custom/', 'etcd', undefined, 7])(
    'refuses the prefix %j and names those allowed',
    wrong => {
      const attempt = (): unknown => make({ prefix: wrong as string, allowedPrefixes: ['site'] })
      expect(attempt).toThrow(InvalidLockError)
      expect(attempt).toThrow(
        `Invalid prefix ${JSON.stringify(wrong)}, must be one of: cookbooks, custom, modules, site`,
      )
    },
  )

  it.each(['etcd', 'holders', 'relukko', 'forced'])('refuses to allow the reserved prefix %s', prefix => {
    const attempt = (): unknown => make({ allowedPrefixes: [prefix] })
    expect(attempt).toThrow(InvalidLockError)
    expect(attempt).toThrow(`The allowed prefix "${prefix}" is reserved (etcd, holders, relukko, forced).`)
  })

  it.each(['', 'a/b', '/', 'a b', 'ä', 'a\n', 'x'.repeat(65)])('refuses to allow the prefix %j', prefix => {
    const attempt = (): unknown => make({ allowedPrefixes: ['site', prefix] })
    expect(attempt).toThrow(InvalidLockError)
    expect(attempt).toThrow(`The allowed prefix ${JSON.stringify(prefix)} must be 1 to 64 letters, digits`)
  })

  it.each(['', '\ud800', undefined, null, 7])('refuses the owner %j', owner => {
    const attempt = (): unknown => make({ owner: owner as string })
    expect(attempt).toThrow(InvalidLockError)
    expect(attempt).toThrow(`The owner of locks must be a non-empty string, got ${JSON.stringify(owner)}.`)
  })

  it.each([
    ['an unknown option', { endpoint: 'http://a' }, "unknown option 'endpoint'"],
    ['a bad value', { read_timeout: 0 }, "the option 'read_timeout' must be"],
    ['options that do not go together', { endpoints: ['http://a'], host: 'b' }, "'endpoints'"],
    ['a certificate that is not there', { host: 'a', ca_cert: '/nowhere/ca.pem' }, '/nowhere/ca.pem'],
    ['no mapping', 'http://a', 'expected a mapping of options, got a string'],
  ])('refuses a configuration with %s at once', (_, config, problem) => {
    for (const attempt of [
      () => make({ config: config as LockConfig }),
      () => new RelukkoAdapter({ config: config as LockConfig }),
    ]) {
      expect(attempt).toThrow(LockConfigError)
      expect(attempt).toThrow(problem)
    }
  })

  it('writes only where the dry-run is switched off', () => {
    expect(make({ dryRun: false }).dryRun).toBe(false)
  })
})

describe('close', () => {
  it('leaves a store of the caller open, and may come first and twice', async () => {
    const store = new MemoryStore()
    const lock = make({ store, dryRun: false })
    await lock.close()
    const id = await lock.acquire('name', { concurrency: 1, ttl: 60 })
    await lock.close()
    await lock.close()
    const other = make({ store })
    expect([...(await other.get('name')).locks.keys()]).toEqual([id])
  })
})

it.each<[object | null | undefined, string]>([
  [undefined, 'new Lock: the options must be an object, got undefined.'],
  [null, 'new Lock: the options must be an object, got null.'],
  [{ dryRun: null }, "new Lock: the option 'dryRun' must be true or false, got null."],
  [{ dryRun: 0 }, "new Lock: the option 'dryRun' must be true or false, got 0."],
  [{ dryRun: 'false' }, `new Lock: the option 'dryRun' must be true or false, got "false".`],
  [{ pefix: 'custom' }, "new Lock: unknown option 'pefix'. Did you mean 'prefix'?"],
  [{ allowedPrefixes: 'foo' }, `'allowedPrefixes' must be a list of prefixes, got "foo".`],
  [{ logger: {} }, "'logger' must be a pino logger, got an object."],
  [{ store: {} }, "'store' must be a Store, got an object."],
  [{ store: new MemoryStore(), config: {} }, "give 'config' or 'store', not both"],
  [{ owner: 'x'.repeat(1025) }, 'The owner of locks must be at most 1024 bytes, got 1025'],
])('new Lock refuses %p', (options, message) => {
  const wrong = options && { prefix: 'custom', owner: 'tester', ...options }
  expect(() => new Lock(wrong as LockOptions)).toThrow(InvalidLockError)
  expect(() => new Lock(wrong as LockOptions)).toThrow(message)
})
