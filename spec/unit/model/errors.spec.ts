import { describe, expect, it, jest } from '@jest/globals'
import {
  EtcdLockUnavailableError,
  InvalidLockError,
  isSpicerackError,
  LockConfigError,
  LockError,
  LockExistingError,
  LockReadError,
  LockUnavailableError,
  LockUnreadableError,
  LockUnwritableError,
  SpicerackCheckError,
  SpicerackError,
} from '../../../lib/index.js'

const failures = [
  [LockError, 'LOCK_ERROR'],
  [InvalidLockError, 'INVALID_LOCK'],
  [LockConfigError, 'INVALID_CONFIG'],
  [LockReadError, 'ETCD_UNAVAILABLE'],
  [LockUnreadableError, 'LOCK_UNREADABLE'],
  [LockUnwritableError, 'LOCK_UNWRITABLE'],
  [LockExistingError, 'LOCK_EXISTING'],
] as const
const notNow = [
  [LockUnavailableError, 'LOCK_UNAVAILABLE'],
  [EtcdLockUnavailableError, 'ETCD_UNAVAILABLE'],
] as const
const withNames = <T extends readonly (readonly [{ readonly name: string }, string])[]>(
  table: T,
): [string, T[number][0], string][] => table.map(([type, code]) => [type.name, type, code])

describe('errors', () => {
  it.each(withNames(failures))('%s is a LockError', (_name, type) => {
    expect(new type('broken')).toBeInstanceOf(LockError)
    expect(new type('broken')).not.toBeInstanceOf(SpicerackCheckError)
  })

  it.each(withNames(notNow))('%s is a SpicerackCheckError and no LockError', (_name, type) => {
    expect(new type('not now')).toBeInstanceOf(SpicerackCheckError)
    expect(new type('not now')).not.toBeInstanceOf(LockError)
  })

  it.each(withNames([...failures, ...notNow]))('%s tells what, which lock and why', (name, type, code) => {
    const cause = new Error('why')
    const error = new type('what', { key: '/spicerack/locks/custom/a', cause })
    expect(error).toBeInstanceOf(SpicerackError)
    expect(error).toMatchObject({ name, code, message: 'what', key: '/spicerack/locks/custom/a', cause })
    expect(String(error)).toBe(`${name}: what`)
  })

  it('name no lock and no cause when there is none', () => {
    const error = new LockError('what')
    expect(error.key).toBeUndefined()
    expect('cause' in error).toBe(false)
  })
})

describe('isSpicerackError', () => {
  it.each(withNames([...failures, ...notNow]))('knows a %s', (_name, type) => {
    expect(isSpicerackError(new type('what'))).toBe(true)
  })

  it.each([
    [new Error('what')],
    [new RangeError('what')],
    [{ code: 'LOCK_ERROR' }],
    ['what'],
    [null],
    [undefined],
  ])('does not take %p for one', value => {
    expect(isSpicerackError(value)).toBe(false)
  })

  it('knows those of another copy of this package', async () => {
    jest.resetModules()
    const copy = await import('../../../lib/index.js')
    const foreign = new copy.LockError('from the other copy')
    expect(foreign).not.toBeInstanceOf(LockError)
    expect(isSpicerackError(foreign)).toBe(true)
  })
})
