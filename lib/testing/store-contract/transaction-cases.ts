import { deepEqual, equal } from 'node:assert/strict'
import { withPrefix } from '../../kv/key-value.js'
import { type Compare, type Op, unconditionally } from '../../kv/transaction.js'
import type { StoreCaseRun } from './store-scene.js'

/** A transaction is one step, and revisions say in which order the steps were taken. */
export const transactionCases: Readonly<Record<string, StoreCaseRun>> = {
  'gives every writing transaction the next revision, and all its writes that one': async scene => {
    const first = await scene.commit(scene.put('a'), scene.put('b'))
    const second = await scene.commit(scene.put('a', 'w'), { type: 'range', ...scene.all })
    equal(second.revision, first.revision + 1n)
    const created = { createRevision: first.revision, lease: undefined }
    deepEqual(second.results[1], [
      { ...created, key: scene.key('a'), value: 'w', modRevision: second.revision },
      { ...created, key: scene.key('b'), value: 'v', modRevision: first.revision },
    ])
  },

  'keeps the revision when it only reads, or deletes what is not there': async scene => {
    const { revision } = await scene.commit(scene.put('a'))
    equal((await scene.commit(scene.read('a'))).revision, revision)
    equal((await scene.commit(scene.delete('missing'))).revision, revision)
  },

  'gives a key that was deleted and is put again a new create revision': async scene => {
    await scene.commit(scene.put('a'))
    await scene.commit(scene.delete('a'))
    const { revision } = await scene.commit(scene.put('a'))
    const [found] = (await scene.commit(scene.read('a'))).results[0]!
    deepEqual([found?.createRevision, found?.modRevision], [revision, revision])
  },

  'shows a read the writes before it in the same transaction': async scene => {
    const { results } = await scene.commit(scene.read('a'), scene.put('a'), scene.read('a'), scene.read('b'))
    deepEqual(
      results.map(found => found.length),
      [0, 0, 1, 0],
    )
  },

  'runs the failure branch, whole and alone, when one compare fails': async scene => {
    const on = { key: scene.key('a'), target: 'mod', revision: 0n } as const
    equal(await scene.holds({ ...on, is: '=' }, { ...on, is: '>' }), false)
    deepEqual(await scene.names(), ['no'])
  },

  'compares the revisions of one key': async scene => {
    const { revision: created } = await scene.commit(scene.put('a'))
    const { revision: changed } = await scene.commit(scene.put('a'))
    const on = { key: scene.key('a') }
    equal(await scene.holds({ ...on, target: 'create', is: '=', revision: created }), true)
    equal(await scene.holds({ ...on, target: 'create', is: '!=', revision: created }), false)
    equal(await scene.holds({ ...on, target: 'mod', is: '=', revision: changed }), true)
    equal(await scene.holds({ ...on, target: 'mod', is: '<', revision: changed }), false)
    equal(await scene.holds({ ...on, target: 'mod', is: '>', revision: created }), true)
  },

  'takes a missing key for one with revision 0': async scene => {
    const on = { key: scene.key('a'), revision: 0n }
    equal(await scene.holds({ ...on, target: 'mod', is: '=' }), true)
    equal(await scene.holds({ ...on, target: 'create', is: '!=' }), false)
  },

  'takes an empty range for one key with revision 0': async scene => {
    const on = withPrefix(scene.key('none/'))
    equal(await scene.holds({ ...on, target: 'create', is: '=', revision: 0n }), true)
    equal(await scene.holds({ ...on, target: 'create', is: '>', revision: 0n }), false)
    equal(await scene.holds({ ...on, target: 'mod', is: '<', revision: 5n }), true)
  },

  'holds a range to a compare only when every key in it passes': async scene => {
    const { revision } = await scene.commit(scene.put('r/1'))
    await scene.commit(scene.put('r/2'))
    const on = { ...withPrefix(scene.key('r/')), target: 'create', is: '>' } as const
    equal(await scene.holds({ ...on, revision: revision - 1n }), true)
    equal(await scene.holds({ ...on, revision }), false)
  },

  'reads a range in the order of bytes, not of UTF-16': async scene => {
    const names = ['a', 'é', '\u{ffee}', '\u{1f512}']
    await scene.commit(...names.toReversed().map(name => scene.put(name)))
    deepEqual(await scene.names(), names)
  },

  'reads the first keys of a range, in the order of the keys or of their creation': async scene => {
    for (const name of ['c', 'a', 'b']) await scene.commit(scene.put(name))
    await scene.commit(scene.put('c', 'changed'), scene.put('e'), scene.put('d'))
    const read = { type: 'range', ...scene.all } as const
    const { results } = await scene.commit(
      { ...read, limit: 2 },
      { ...read, limit: 2, order: 'key' },
      { ...read, order: 'create' },
      { ...read, limit: 2, order: 'create' },
      { ...read, limit: 9, order: 'create' },
      { type: 'range', key: scene.key('a'), limit: 1, order: 'create' },
    )
    deepEqual(
      results.map(found => found.map(({ key }) => key.at(-1)).join('')),
      ['ab', 'ab', 'cabde', 'ca', 'cabde', 'a'],
    )
  },

  'reads what was there at a revision of the past': async scene => {
    const { revision } = await scene.commit(scene.put('a'), scene.put('b'))
    const later = await scene.commit(scene.put('a', 'changed'), scene.delete('b'), scene.put('c'))
    const read = { type: 'range', ...scene.all } as const
    const { results } = await scene.commit(
      { ...read, revision },
      { ...read, revision, limit: 1 },
      { type: 'range', key: scene.key('c'), revision },
      { ...read, revision: later.revision },
    )
    deepEqual(
      results.map(found => found.map(({ key, value }) => key.at(-1)! + value).join(' ')),
      ['av bv', 'av', '', 'achanged cv'],
    )
  },

  'refuses to read a revision of the future': async scene => {
    const { revision } = await scene.commit(scene.put('a'))
    const read = { type: 'range', key: scene.key('a'), revision: revision + 1_000_000n } as const
    await scene.rejects(scene.commit(read), 'refused')
  },

  'takes 128 operations in one transaction, and more as a whole or not at all': async scene => {
    const puts = (count: number): Op[] => Array.from({ length: count }, (_, at) => scene.put(String(at)))
    const [most, tooMany] = [puts(128), puts(129)]
    const large = scene.store.commit(unconditionally(...tooMany))
    const isTaken = await large.then(
      () => true,
      () => false,
    )
    if (!isTaken) await scene.rejects(large, 'refused')
    equal((await scene.names()).length, isTaken ? tooMany.length : 0)
    const compare = most.map(({ key }): Compare => ({ key, target: 'mod', is: '=', revision: 0n }))
    equal((await scene.store.commit({ compare, success: most, failure: most })).results.length, most.length)
  },

  'refuses to write a key twice in one branch, and applies nothing': async scene => {
    await scene.rejects(scene.commit(scene.put('a'), scene.put('a')), 'refused')
    await scene.rejects(scene.commit(scene.put('a'), scene.delete('a')), 'refused')
    deepEqual(await scene.names(), [])
  },
}
