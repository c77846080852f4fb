import { deepEqual, doesNotReject } from 'node:assert/strict'
import { unconditionally } from '../../kv/transaction.js'
import type { Store } from '../../store/store.js'
import { eventually } from '../eventually.js'
import { leaseCases } from './lease-cases.js'
import { scopeCases } from './scope-cases.js'
import { StoreScene, type StoreCaseRun } from './store-scene.js'
import { transactionCases } from './transaction-cases.js'
import { watchCases } from './watch-cases.js'

/** One demand on a {@link Store}, for the test runner of your choice. */
export interface StoreCase {
  /** What the store must do. */
  readonly name: string
  /**
   * Opens a store, tries it, and closes it. Takes a few seconds where a lease must end by itself.
   * @throws AssertionError of node:assert when the store does not do that.
   */
  readonly run: () => Promise<void>
}

/**
 * All that the locks rely on in a {@link Store} of your own, which `LockOptions.store` takes. A store that fails one of
 * these cases breaks the promises of the locks. They are plain functions, so that jest, vitest and node:test can run them:
 *
 * ```ts
 * for (const { name, run } of storeContract(() => new MyStore())) it(name, run, 20_000)
 * ```
 *
 * What they cannot show remains to be tested by you: that a store that cannot be reached rejects with the reason
 * `unreachable` whenever a write may have been applied, and that a watch outlives a reconnect without missing a change.
 * @param open a fresh connection to the store, for each case. Several may share one database: every case has keys of its own.
 */
export function storeContract(open: () => Store | Promise<Store>): StoreCase[] {
  const groups = {
    'a transaction': transactionCases,
    'commits at once': scopeCases,
    'a lease': leaseCases,
    'a watch': watchCases,
    'a store': {
      'refuses calls after it was closed': refusesWhenClosed,
      'tells its watches when it is closed, and those that are asked for later': endsWatches,
      // Every case closes its store at its end: this one for the second time.
      'may be closed again': (scene: StoreScene) => scene.store.close(),
    },
  }
  return Object.entries(groups).flatMap(([group, cases]) =>
    Object.entries(cases).map(([name, run]) => ({
      name: `${group}: ${name}`,
      run: () => inScene(open, run),
    })),
  )
}

async function inScene(open: () => Store | Promise<Store>, run: StoreCaseRun): Promise<void> {
  const store = await open()
  try {
    await run(new StoreScene(store))
  } finally {
    await doesNotReject(() => store.close(), 'close must resolve, also when it is repeated')
  }
}

async function refusesWhenClosed(scene: StoreScene): Promise<void> {
  await scene.store.close()
  await scene.rejects(scene.commit(scene.put('a')), 'closed')
  const together = [scene.read('a'), scene.put('b'), scene.delete('c')].map((op, at) =>
    scene.store.commit({ ...unconditionally(op), scope: [String(at)] }),
  )
  await Promise.all(together.map(commit => scene.rejects(commit, 'closed')))
  await scene.rejects(scene.store.leases.grant(5), 'closed')
  await scene.rejects(scene.store.leases.renew('1'), 'closed')
  await scene.rejects(scene.store.leases.renew('1', { timeoutMs: 0 }), 'closed')
  await scene.rejects(scene.watch(scene.all).ready, 'closed')
}

async function endsWatches(scene: StoreScene): Promise<void> {
  const established = scene.watch(scene.all)
  await established.ready
  const opening = scene.watch(scene.all)
  opening.ready.catch(() => {})
  await scene.store.close()
  const late = [scene.watch(scene.all), scene.watch([{ key: scene.key('a') }, { key: scene.key('b') }])]
  await Promise.all(late.map(({ ready }) => scene.rejects(ready, 'closed')))
  await eventually(() => {
    const ends = [established, opening, ...late].map(watch => watch.ends)
    deepEqual(ends, [1, 1, 1, 1])
  })
}
