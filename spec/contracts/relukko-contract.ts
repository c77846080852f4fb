import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { Timestamp } from '../../lib/index.js'
import type { Relukko } from '../../lib/relukko/index.js'
import { freshName } from '../support/etcd.js'

const UNKNOWN = '7d5a6e8e-3a5c-4b7b-9f0a-000000000000'

/** What an implementation of Relukko does. `make` gives another client of the same locks each time. */
export function relukkoContract(make: () => Relukko): void {
  let relukko: Relukko
  let other: Relukko
  let name: string

  beforeEach(() => {
    relukko = make()
    other = make()
    name = freshName()
  })
  afterEach(() => Promise.all([relukko.close(), other.close()]))

  const inSeconds = (time: Timestamp): number => Timestamp.now().secondsUntil(time)

  describe('a lock that is taken', () => {
    it('is what it says, and what others see', async () => {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      expect(lock).toMatchObject({ lockName: name, creator: 'me' })
      expect(lock.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(lock.createdAt.secondsUntil(lock.expiresAt)).toBe(600)
      expect(lock.updatedAt).toEqual(lock.createdAt)
      expect(Math.abs(inSeconds(lock.createdAt))).toBeLessThan(5)
      expect(await other.getLock(lock.id)).toEqual(lock)
      expect(await other.getLocks()).toContainEqual(lock)
    })

    it('is nobody else’s until it is deleted, by whoever knows its id', async () => {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      expect(await other.acquireRelukko(name, 'you', 0)).toBeNull()
      expect(await other.deleteRelukko(lock.id)).toEqual(lock)
      expect((await other.acquireRelukko(name, 'you', 0))?.creator).toBe('you')
    })

    it('is got by a waiter when it is deleted', async () => {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      const waiting = other.acquireRelukko(name, 'you', 30)
      await new Promise(resolve => setTimeout(resolve, 200))
      await relukko.deleteRelukko(lock.id)
      const next = (await waiting)!
      expect(next.creator).toBe('you')
      expect(lock.createdAt.isBefore(next.createdAt)).toBe(true)
    })

    it('is not waited for longer than is said', async () => {
      await relukko.acquireRelukko(name, 'me', 0)
      const start = performance.now()
      expect(await other.acquireRelukko(name, 'you', 0.5)).toBeNull()
      expect(performance.now() - start).toBeLessThan(4_000)
    })

    it('may have no creator', async () => {
      const lock = (await relukko.acquireRelukko(name, null, 0))!
      expect(lock.creator).toBeNull()
      expect((await other.getLock(lock.id)).creator).toBeNull()
    })

    it.each([
      'Case',
      'case',
      'a/b',
      'a%2Fb',
      '100 %',
      'with spaces: and colons',
      'Überraschung 🎁',
      '..',
      '%',
    ])('may be called %j', async text => {
      const full = `${name} ${text}`
      const lock = (await relukko.acquireRelukko(full, 'me', 0))!
      expect(lock.lockName).toBe(full)
      expect((await other.getLock(lock.id)).lockName).toBe(full)
      expect(await other.acquireRelukko(full, 'you', 0)).toBeNull()
      await other.deleteRelukko(lock.id)
    })

    it('is not confused with one whose name is its encoded form', async () => {
      const one = (await relukko.acquireRelukko(`${name}/`, 'me', 0))!
      const two = (await relukko.acquireRelukko(`${name}%2F`, 'me', 0))!
      expect((await other.deleteRelukko(one.id)).lockName).toBe(`${name}/`)
      expect((await other.deleteRelukko(two.id)).lockName).toBe(`${name}%2F`)
    })
  })

  describe('a lock that is changed', () => {
    it('has the new creator and expiry, to the microsecond', async () => {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      const expiresAt = Timestamp.parse('2099-12-01T23:12:00.123456Z')
      const changed = await other.updateRelukko(lock.id, { creator: 'you', expiresAt })
      expect(changed.toJSON()).toMatchObject({
        id: lock.id,
        creator: 'you',
        expires_at: '2099-12-01T23:12:00.123456Z',
        created_at: lock.createdAt.toISO(),
      })
      expect(lock.updatedAt.isBefore(changed.updatedAt)).toBe(true)
      expect(await relukko.getLock(lock.id)).toEqual(changed)
      const again = await relukko.updateRelukko(lock.id, { creator: 'them' })
      expect(again.expiresAt).toEqual(expiresAt)
      expect(await relukko.updateRelukko(lock.id, { expiresAt: lock.expiresAt })).toMatchObject({
        creator: 'them',
        expiresAt: lock.expiresAt,
      })
    })

    it.each([
      ['2099-12-01T23:12:00+01:00', '2099-12-01T22:12:00.000000Z'],
      [new Date('2099-12-01T23:12:00.5Z'), '2099-12-01T23:12:00.500000Z'],
      ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
    ])('expires at %p', async (expiresAt, expected) => {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      expect((await other.updateRelukko(lock.id, { expiresAt })).expiresAt.toISO()).toBe(expected)
    })

    it('lasts for so long from now', async () => {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      expect(Math.abs(inSeconds((await relukko.keepRelukkoAlive(lock.id)).expiresAt) - 300)).toBeLessThan(5)
      const kept = await other.keepRelukkoAlivePut(lock.id, 42)
      expect(Math.abs(inSeconds(kept.expiresAt) - 42)).toBeLessThan(5)
      expect(kept.createdAt).toEqual(lock.createdAt)
    })

    it('lasts longer by exactly so much, also when several say so at once', async () => {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      expect(lock.expiresAt.secondsUntil((await relukko.addToExpiresAtTime(lock.id)).expiresAt)).toBe(300)
      await Promise.all([1, 2, 3, 4].map(seconds => other.addToExpiresAtTimePut(lock.id, seconds)))
      expect(lock.expiresAt.secondsUntil((await relukko.getLock(lock.id)).expiresAt)).toBe(310)
      await other.deleteRelukko(lock.id)
    })
  })

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['getLock', id => relukko.getLock(id)],
    ['updateRelukko', id => relukko.updateRelukko(id, { creator: 'you' })],
    ['deleteRelukko', id => relukko.deleteRelukko(id)],
    ['keepRelukkoAlive', id => relukko.keepRelukkoAlive(id)],
    ['keepRelukkoAlivePut', id => relukko.keepRelukkoAlivePut(id, 60)],
    ['addToExpiresAtTime', id => relukko.addToExpiresAtTime(id)],
    ['addToExpiresAtTimePut', id => relukko.addToExpiresAtTimePut(id, 60)],
  ])('%s says when no lock has the id', async (_, call) => {
    const lock = (await relukko.acquireRelukko(name, 'me', 0))!
    await relukko.deleteRelukko(lock.id)
    for (const id of [UNKNOWN, lock.id]) {
      await expect(call(id)).rejects.toMatchObject({ code: 'RELUKKO_NOT_FOUND' })
    }
  })

  it.each<[string, string, (id: string) => Promise<unknown>]>([
    ['an empty name', 'lock_name', () => relukko.acquireRelukko('', 'me', 0)],
    ['a name with NUL', 'lock_name', () => relukko.acquireRelukko('a\0b', 'me', 0)],
    ['a name of 10 kB', 'lock_name', () => relukko.acquireRelukko('x'.repeat(10_000), 'me', 0)],
    [
      'a creator that is too long',
      'creator',
      id => relukko.updateRelukko(id, { creator: 'x'.repeat(2_000) }),
    ],
    ['no date', 'expires_at', id => relukko.updateRelukko(id, { expiresAt: 'tomorrow' })],
    [
      'a date without zone',
      'expires_at',
      id => relukko.updateRelukko(id, { expiresAt: '2099-12-01T23:12:00' }),
    ],
    [
      'a date in 10000',
      'expires_at',
      id => relukko.updateRelukko(id, { expiresAt: '+10000-01-01T00:00:00Z' }),
    ],
    ['negative seconds', 'seconds', id => relukko.keepRelukkoAlivePut(id, -1)],
    ['no number', 'seconds', id => relukko.keepRelukkoAlivePut(id, NaN)],
    ['more seconds than there are', 'seconds', id => relukko.addToExpiresAtTimePut(id, 1e12)],
  ])('%s is refused, and named', async (_, field, call) => {
    const lock = (await relukko.acquireRelukko(name, 'me', 0))!
    const refused = call(lock.id)
    await expect(refused).rejects.toMatchObject({ code: 'RELUKKO_INVALID' })
    await expect(refused).rejects.toThrow(field)
    expect(await other.getLock(lock.id)).toEqual(lock)
  })

  it('one of many who ask at once gets it', async () => {
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        (number % 2 ? relukko : other).acquireRelukko(name, `${number}`, 0),
      ),
    )
    expect(asked.filter(Boolean)).toHaveLength(1)
  })

  it('answers without any lock where RELUKKO_TRUST_ME_IT_IS_LOCKED is set', async () => {
    process.env['RELUKKO_TRUST_ME_IT_IS_LOCKED'] = ''
    await expect(relukko.getLock(UNKNOWN)).rejects.toMatchObject({ code: 'RELUKKO_NOT_FOUND' })
    process.env['RELUKKO_TRUST_ME_IT_IS_LOCKED'] = 'no'
    try {
      const lock = (await relukko.acquireRelukko(name, 'me', 0))!
      expect(lock.toJSON()).toEqual({
        id: '00000000-0000-0000-0000-000000000000',
        lock_name: 'WE TRUST YOU',
        creator: 'Dummy Dummy',
        ip: '0.0.0.0',
        expires_at: '1970-01-01T00:00:00.000000Z',
        created_at: '1970-01-01T00:00:00.000000Z',
        updated_at: '1970-01-01T00:00:00.000000Z',
      })
      expect(await relukko.getLocks()).toEqual([lock])
      expect(await relukko.deleteRelukko('any')).toEqual(lock)
    } finally {
      delete process.env['RELUKKO_TRUST_ME_IT_IS_LOCKED']
    }
    expect((await other.getLocks()).map(({ lockName }) => lockName)).not.toContain(name)
  })
}

/** Holds on a lock whose expiry has passed by nearly the grace: it takes three seconds. */
export async function isFreeAfterGrace(relukko: Relukko, other: Relukko): Promise<void> {
  const name = freshName()
  const lock = (await relukko.acquireRelukko(name, 'me', 0))!
  await other.updateRelukko(lock.id, { expiresAt: Timestamp.now().plusSeconds(-177) })
  expect(await other.acquireRelukko(name, 'you', 0)).toBeNull()
  expect((await other.acquireRelukko(name, 'you', 15))?.creator).toBe('you')
  await expect(relukko.getLock(lock.id)).rejects.toMatchObject({ code: 'RELUKKO_NOT_FOUND' })
}
