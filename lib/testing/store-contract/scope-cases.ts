import { deepEqual, equal, ok } from 'node:assert/strict'
import { type Transaction, unconditionally } from '../../kv/transaction.js'
import type { StoreCaseRun, StoreScene } from './store-scene.js'

/** More than travel in one call, where a store sends several at once. */
const MANY = 150

/** Commits that are made at once may travel together; what they do is what they do alone. */
export const scopeCases: Readonly<Record<string, StoreCaseRun>> = {
  'gives each of many commits its own answer': async scene => {
    const names = Array.from({ length: MANY }, (_, at) => `k${at}`)
    for (const tells of ['first', 'second']) {
      const results = await Promise.all(names.map(name => scene.store.commit(create(scene, name, tells))))
      deepEqual(
        results.map(({ succeeded, results: found }) => [succeeded, found.at(-1)![0]?.value]),
        names.map(name => [tells === 'first', `first ${name}`]),
      )
      for (const { revision, results: found } of results) ok(found.at(-1)![0]!.modRevision <= revision)
    }
  },

  'lets others succeed where one of them conflicts, and one has a lease that is gone': async scene => {
    const { id } = await scene.store.leases.grant(60)
    await scene.store.leases.revoke(id)
    await scene.commit(scene.put('taken', 'theirs'))
    const dead = {
      ...create(scene, 'dead', 'ours'),
      success: [scene.put('dead', 'ours', id), scene.read('dead')],
    }
    const [first, taken, , last] = await Promise.all([
      scene.store.commit(create(scene, 'first', 'ours')),
      scene.store.commit(create(scene, 'taken', 'ours')),
      scene.rejects(scene.store.commit(dead), 'lease-not-found'),
      scene.store.commit(create(scene, 'last', 'ours')),
    ])
    deepEqual([first.succeeded, taken.succeeded, last.succeeded], [true, false, true])
    equal(taken.results[0]![0]!.value, 'theirs')
    deepEqual(await scene.names(), ['first', 'last', 'taken'])
  },

  'runs those of one scope in their order, and each sees what those before it wrote': async scene => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, at) => scene.store.commit(append(scene, String(at)))),
    )
    deepEqual(
      results.map(({ results: found }) => found[0]!.length),
      results.map((_, at) => at),
    )
    for (const [at, { revision }] of results.entries()) {
      ok(at === 0 || revision > results[at - 1]!.revision, 'two commits of one scope have one revision')
    }
  },

  'runs those in their order that share one name of several': async scene => {
    const scopes = [['a'], ['a', 'b'], ['b', 'c'], ['c', 'c'], ['d'], ['c', 'd'], ['a', 'd']]
    const results = await Promise.all(
      scopes.map((scope, at) => scene.store.commit({ ...unconditionally(scene.put(String(at))), scope })),
    )
    for (const [at, names] of scopes.entries()) {
      const before = scopes.slice(0, at).map((others, other) => [other, others] as const)
      for (const [other] of before.filter(([, others]) => others.some(name => names.includes(name)))) {
        ok(results[other]!.revision < results[at]!.revision, `commit ${at} came before commit ${other}`)
      }
    }
  },

  'goes on with a scope after one of its commits was refused': async scene => {
    const twice = { ...append(scene, '1'), success: [scene.put('1'), scene.put('1')] }
    const [, , after] = await Promise.all([
      scene.store.commit(append(scene, '0')),
      scene.rejects(scene.store.commit(twice), 'refused'),
      scene.store.commit(append(scene, '2')),
    ])
    equal(after.results[0]!.length, 1)
  },
}

/** Writes a key that must not be there, and tells what is there afterwards. */
function create(scene: StoreScene, name: string, tells: string): Transaction {
  return {
    scope: [name],
    compare: [{ key: scene.key(name), target: 'create', is: '=', revision: 0n }],
    success: [scene.put(name, `${tells} ${name}`), scene.read(name)],
    failure: [scene.read(name)],
  }
}

/** Reads all keys of the case, and adds one. */
function append(scene: StoreScene, name: string): Transaction {
  return {
    scope: ['log'],
    compare: [],
    success: [{ type: 'range', ...scene.all }, scene.put(name)],
    failure: [],
  }
}
