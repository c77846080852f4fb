import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Lock } from '../../../lib/index.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/testing/index.js'

const terms = { concurrency: 1, ttl: 60 }
const store = new MemoryStore()
const lock = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: false })

afterAll(async () => {
  await lock.close()
  await store.close()
})

/** Called as by a program that no compiler has checked. */
const call = async (target: object, method: string, ...args: unknown[]): Promise<unknown> =>
  (target as Record<string, (...given: unknown[]) => Promise<unknown>>)[method]!(...args)

describe('a call that is wrong is refused before anything is done:', () => {
  it.each<[string, unknown[], string]>([
    ['forceRelease', ['a', 'id'], 'forceRelease: the options must be an object, got undefined.'],
    ['forceRelease', ['a', 'id', 'why'], 'forceRelease: the options must be an object, got "why".'],
    [
      'forceRelease',
      ['a', 'id', { raeson: 'x' }],
      "forceRelease: unknown option 'raeson'. Did you mean 'reason'?",
    ],
    ['list', ['custom'], 'list: the options must be an object, got "custom".'],
    ['list', [{ prefx: 'custom' }], "list: unknown option 'prefx'. Did you mean 'prefix'?"],
    ['events', ['a', { sginal: 1 }], "events: unknown option 'sginal'. Did you mean 'signal'?"],
    ['events', ['a', { signal: 1 }], "events: the option 'signal' must be an AbortSignal, got 1."],
    ['acquired', ['a', terms], 'acquired: what to run while holding must be a function, got undefined.'],
    [
      'acquiredAll',
      [[{ name: 'a', ...terms }], {}, 7],
      'acquiredAll: what to run while holding must be a function',
    ],
    ['extend', ['a', 'id', 0], "Unable to extend, argument 'ttl' must be a positive integer"],
    ['extend', ['a', 'id', '60'], "Unable to extend, argument 'ttl' must be a positive integer"],
  ])('%s(%j)', async (method, args, message) => {
    const refused = call(lock, method, ...args)
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_LOCK',
      message: expect.stringContaining(message),
    })
    const all = { type: 'range' as const, key: '/', end: '0' }
    const { results } = await store.commit({ compare: [], success: [all], failure: [] })
    expect(results[0]).toEqual([])
  })
})

describe('a guarded write that is wrong is refused:', () => {
  let held: Awaited<ReturnType<Lock['hold']>>
  beforeAll(async () => {
    held = await lock.hold('guarded', terms)
  })
  afterAll(() => held.release())

  const put = { type: 'put', key: '/k', value: 'v' }
  it.each<[unknown, string]>([
    [undefined, 'guard: the options must be an object, got undefined.'],
    [{}, "guard: 'success' must be a list of operations, got undefined."],
    [{ success: put }, "guard: 'success' must be a list of operations"],
    [{ success: [put], failure: [] }, "guard: unknown option 'failure'"],
    [{ success: [7] }, 'guard: success[0]: the options must be an object, got 7.'],
    [
      { success: [put, { ...put, type: 'get' }] },
      "guard: success[1]: the option 'type' must be 'put', 'delete' or 'range', got \"get\".",
    ],
    [
      { success: [{ type: 'put', key: '/k' }] },
      "guard: success[0]: the option 'value' must be a text, got undefined.",
    ],
    [
      { success: [{ ...put, key: '' }] },
      'guard: success[0]: the option \'key\' must be a non-empty text, got "".',
    ],
    [
      { success: [{ ...put, key: 'a\ud800' }] },
      "guard: success[0]: the option 'key' must be a non-empty text",
    ],
    [{ success: [{ ...put, value: 7 }] }, "guard: success[0]: the option 'value' must be a text, got 7."],
    [{ success: [{ ...put, lease: 7 }] }, "guard: success[0]: the option 'lease' must be"],
    [{ success: [{ ...put, end: '/l' }] }, "guard: success[0]: unknown option 'end'"],
    [
      { success: [{ type: 'delete', key: '/k', end: 7 }] },
      "guard: success[0]: the option 'end' must be a non-empty text, got 7.",
    ],
    [
      { success: [{ ...put, key: '/spicerack/locks/custom/guarded' }] },
      "guard: success[0]: the option 'key' must lie outside /spicerack/locks/, where only the locks themselves write, " +
        'got "/spicerack/locks/custom/guarded".',
    ],
    [
      { success: [put, { type: 'delete', key: '/spicerack/locks/relukko/a' }] },
      "guard: success[1]: the option 'key'",
    ],
    [{ success: [{ type: 'delete', key: '/a', end: '/z' }] }, 'got "/a" with an \'end\' of "/z".'],
    [{ success: [{ type: 'delete', key: '/spicerack/locks/a', end: '/spicerack/locks/b' }] }, 'outside'],
    [{ success: [{ type: 'delete', key: '/a', end: '\0' }] }, 'outside'],
    [{ success: [], compare: {} }, "guard: 'compare' must be a list of conditions"],
    [
      { success: [], compare: [{ target: 'value', key: '/k', is: '=', revision: 1n }] },
      "guard: compare[0]: the option 'target' must be 'create' or 'mod'",
    ],
    [
      { success: [], compare: [{ target: 'mod', key: '/k', is: '==', revision: 1n }] },
      "guard: compare[0]: the option 'is' must be",
    ],
    [
      { success: [], compare: [{ target: 'mod', key: '/k', is: '=', revision: 1 }] },
      "guard: compare[0]: the option 'revision' must be a bigint from 0 on, got 1.",
    ],
  ])('%j', async (write, message) => {
    await expect(call(held, 'guard', write)).rejects.toMatchObject({
      code: 'INVALID_LOCK',
      message: expect.stringContaining(message),
    })
    held.assertHeld()
    expect(
      (await store.commit({ compare: [], success: [{ type: 'range', key: '/k' }], failure: [] })).results,
    ).toEqual([[]])
  })

  it('not one that is right', async () => {
    const compare = [{ target: 'mod' as const, key: '/k', is: '=' as const, revision: 0n }]
    const { key } = new LockKey('custom', 'guarded').holders
    const success = [
      { type: 'put' as const, key: '/k', value: '', lease: undefined },
      { type: 'range' as const, key, end: `${key}~` },
      { type: 'delete' as const, key: '/l' },
      { type: 'delete' as const, key: '/l', end: '/spicerack/locks/' },
      { type: 'delete' as const, key: '/spicerack/locks0', end: '/z' },
      { type: 'delete' as const, key: '/z', end: '/a' },
    ]
    expect(await held.guard({ compare, success })).toMatchObject({ succeeded: true })
  })
})
