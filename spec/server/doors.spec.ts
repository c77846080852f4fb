import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { InvalidLockError, Lock } from '../../lib/index.js'
import { LockService } from '../../lib/lock/api/lock-service.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { RelukkoServer } from '../../lib/server/index.js'
import { MemoryStore } from '../../lib/testing/index.js'
import { runCommand } from '../support/command.js'

const KEY = 'doors-doors-doors-doors'
const long = 'x'.repeat(50_000)
const store = new MemoryStore()
let locks: LockService
let server: RelukkoServer
let url: string

beforeAll(async () => {
  locks = await LockService.open({ store, logger: pino({ level: 'silent' }) })
  server = await RelukkoServer.create({ store, apiKeys: { tester: KEY } })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  expect(await locks.list('custom')).toEqual([])
  await server.close()
  await locks.close()
  await store.close()
})

interface Wish {
  readonly owner?: unknown
  readonly name?: unknown
  readonly concurrency?: unknown
  readonly ttl?: unknown
  readonly wait?: unknown
}

const whole = { owner: 'me', name: 'a', concurrency: 1, ttl: 60, wait: 0 }

/** What a door answers to a call: the same code, or its counterpart, and the same text. */
interface Refusal {
  readonly code: unknown
  readonly message: string
}

async function refusalOf(call: () => Promise<unknown>): Promise<Refusal> {
  const error = await call().then(
    () => undefined,
    (failure: unknown) => failure,
  )
  expect(error).toBeInstanceOf(InvalidLockError)
  const { code, message } = error as InvalidLockError
  return { code, message }
}

async function http(method: string, path: string, body?: unknown): Promise<Refusal> {
  const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }
  const answer = await fetch(url + path, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const { message } = (await answer.json()) as { message: string }
  return { code: answer.status, message }
}

async function command(...args: string[]): Promise<Refusal> {
  const { code, stderr } = await runCommand([...args, '--endpoints', 'http://127.0.0.1:1'])
  return { code, message: stderr.replace(/^spicelock: /, '').trimEnd() }
}

/** Called as by a program that no compiler has checked. */
function take(wish: Wish): { lock: () => Promise<unknown>; service: () => Promise<unknown> } {
  const { owner, name, ...options } = { ...whole, ...wish } as typeof whole
  return {
    lock: async () => new Lock({ store, prefix: 'custom', owner, dryRun: false }).acquire(name, options),
    service: () => locks.acquire({ prefix: 'custom', owner }, name, options),
  }
}

function post({ name = 'a', wait = 0, ...body }: Wish): Promise<Refusal> {
  const query = `?wait=${wait as string}`
  return http('POST', `/v2/locks/custom/${encodeURIComponent(name as string)}${query}`, body)
}

describe('every door refuses to take a lock, in the same words', () => {
  it.each<[what: string, wish: Wish, text: string]>([
    ['an owner of 50,000 bytes', { owner: long }, 'The owner of locks must be at most 1024 bytes, got 50000'],
    ['an empty owner', { owner: '' }, 'The owner of locks must be a non-empty string, got "".'],
    ['an owner that is no text', { owner: 7 }, 'The owner of locks must be a non-empty string, got 7.'],
    ['a name with a slash', { name: 'a/b' }, 'The lock name cannot contain \'/\', got: "a/b"'],
    ['a long name', { name: 'n'.repeat(513) }, 'The lock name cannot be longer than 512 bytes'],
    ['a ttl of 0', { ttl: 0 }, "'ttl' must be a positive integer of seconds"],
    ['a ttl with a fraction', { ttl: 1.5 }, "'ttl' must be a positive integer of seconds"],
    ['a ttl that no lease can have', { ttl: 9_000_000_001 }, "'ttl' must be a positive integer of seconds"],
    ['a negative concurrency', { concurrency: -1 }, "'concurrency' must be a non-negative integer, got -1."],
    [
      'a text as concurrency',
      { concurrency: '1' },
      '\'concurrency\' must be a non-negative integer, got "1".',
    ],
    [
      'a negative wait',
      { wait: -1 },
      "Unable to acquire, 'wait' must be a number of seconds from 0 on, got -1.",
    ],
    ['a text as wait', { wait: 'long' }, '\'wait\' must be a number of seconds from 0 on, got "long".'],
  ])('%s', async (_, wish, text) => {
    const { lock, service } = take(wish)
    const refused = await refusalOf(lock)
    expect(refused.message).toContain(text)
    expect(refused.code).toBe('INVALID_LOCK')
    expect(await refusalOf(service)).toEqual(refused)
    expect(await post(wish)).toEqual({ code: 400, message: refused.message })
  })

  it.each<[what: string, args: string[], wish: Wish]>([
    ['an owner of 50,000 bytes', ['--owner', long], { owner: long }],
    ['an empty owner', ['--owner', ''], { owner: '' }],
    ['a ttl that no lease can have', ['--ttl', '9000000001'], { ttl: 9_000_000_001 }],
  ])('%s, the command run as well', async (_, args, wish) => {
    const { message } = await refusalOf(take(wish).lock)
    expect(await command('run', ...args, 'a', '--', 'true')).toEqual({ code: 64, message })
  })
})

describe('every door refuses, in the same words', () => {
  const key = new LockKey('custom', 'a')
  const lock = new Lock({ store, prefix: 'custom', owner: 'me', dryRun: false })

  it.each([0, 1.5, 'long', undefined])('to extend by %j', async ttl => {
    const refused = await refusalOf(() => lock.extend('a', 'id', ttl as number))
    expect(refused.message).toMatch(/^Unable to extend, argument 'ttl' must be a positive integer of seconds/)
    expect(await refusalOf(() => locks.extend(key, 'id', ttl as number))).toEqual(refused)
    const { message } = refused
    expect(await http('PUT', '/v2/locks/custom/a/id', { ttl })).toEqual({ code: 400, message })
  })

  it('an id that is empty', async () => {
    const refused = await refusalOf(() => lock.extend('a', '', 60))
    expect(refused.message).toBe('The id of a holding must be a non-empty text, got "".')
    for (const call of [
      () => lock.forceRelease('a', '', { reason: 'why' }),
      () => locks.extend(key, '', 60),
      () => locks.release([key], ''),
      () => locks.forceRelease(key, '', { by: 'me', reason: 'why' }),
    ]) {
      expect(await refusalOf(call)).toEqual(refused)
    }
    expect(await command('release', 'a', '')).toEqual({ code: 64, message: refused.message })
  })

  it('a reason that says nothing, or too much', async () => {
    for (const reason of ['', ' ', 'x'.repeat(1_025)]) {
      const refused = await refusalOf(() => lock.forceRelease('a', 'id', { reason }))
      const { message } = refused
      expect(message).toMatch(/^The reason to release by force must be a text of 1 to 1024 bytes/)
      expect(await refusalOf(() => locks.forceRelease(key, 'id', { by: 'me', reason }))).toEqual(refused)
      const path = `/v2/locks/custom/a/id?reason=${encodeURIComponent(reason)}`
      expect(await http('DELETE', path)).toEqual({ code: 400, message })
      expect(await command('release', 'a', 'id', '--force', '--reason', reason)).toEqual({
        code: 64,
        message,
      })
    }
  })

  it('to release by force for an owner of 50,000 bytes', async () => {
    const refused = await refusalOf(() => locks.forceRelease(key, 'id', { by: long, reason: 'why' }))
    expect(refused.message).toContain('The owner of locks must be at most 1024 bytes, got 50000')
    const args = ['release', 'a', 'id', '--force', '--reason', 'why', '--owner', long]
    expect(await command(...args)).toEqual({ code: 64, message: refused.message })
  })
})
