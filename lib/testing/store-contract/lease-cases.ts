import { deepEqual, equal, ok } from 'node:assert/strict'
import type { StoreError } from '../../store/store-error.js'
import { eventually } from '../eventually.js'
import type { StoreCaseRun } from './store-scene.js'

/** A lease ends by itself or is revoked; its keys go with it, and no other keys do. */
export const leaseCases: Readonly<Record<string, StoreCaseRun>> = {
  'grants at least the ttl asked for': async ({ store }) => {
    const short = await store.leases.grant(1)
    ok(short.ttl >= 1, `asked for 1 s, granted ${short.ttl} s`)
    const long = await store.leases.grant(60)
    ok(long.ttl >= 60, `asked for 60 s, granted ${long.ttl} s`)
    await Promise.all([short, long].map(({ id }) => store.leases.revoke(id)))
  },

  'deletes the keys of a revoked lease, and no others': async scene => {
    const { id } = await scene.store.leases.grant(60)
    await scene.commit(scene.put('a', 'v', id), scene.put('b', 'v', id), scene.put('c'))
    await scene.commit(scene.put('b', 'detached'))
    await scene.store.leases.revoke(id)
    const [left] = (await scene.commit({ type: 'range', ...scene.all })).results
    deepEqual(
      left!.map(kv => [kv.key, kv.lease]),
      [
        [scene.key('b'), undefined],
        [scene.key('c'), undefined],
      ],
    )
  },

  'shows the lease of a key': async scene => {
    const { id } = await scene.store.leases.grant(60)
    await scene.commit(scene.put('a', 'v', id))
    equal((await scene.commit(scene.read('a'))).results[0]![0]!.lease, id)
    await scene.store.leases.revoke(id)
  },

  'deletes the keys of a lease that has ended by itself': async scene => {
    const watch = scene.watch(scene.all)
    await watch.ready
    const { id } = await scene.store.leases.grant(2)
    const { revision } = await scene.commit(scene.put('a', 'v', id))
    await eventually(() => equal(watch.events.length, 2))
    const [, gone] = watch.events
    ok(gone?.type === 'delete' && gone.key === scene.key('a') && gone.modRevision > revision)
    equal(await scene.store.leases.renew(id), 0)
  },

  'renews a living lease, and says 0 for one that is gone': async ({ store }) => {
    const { id, ttl } = await store.leases.grant(60)
    equal(await store.leases.renew(id), ttl)
    await store.leases.revoke(id)
    equal(await store.leases.renew(id), 0)
    await store.leases.revoke(id)
  },

  'tells what is left of a lease, and renews nothing by that': async ({ store }) => {
    const { id, ttl } = await store.leases.grant(3)
    const first = (await store.leases.remaining(id))!
    equal(first.ttl, ttl)
    ok(first.left === ttl || first.left === ttl - 1, `of ${ttl} s, ${first.left} s are left at once`)
    await eventually(async () => ok((await store.leases.remaining(id))!.left < first.left), 3_000)
    await store.leases.revoke(id)
    equal(await store.leases.remaining(id), undefined)
  },

  'says of an id that no lease has had that there is none, or refuses it': async ({ store: { leases } }) => {
    for (const id of ['abc', '007']) {
      const calls = [leases.renew(id), leases.remaining(id), leases.revoke(id)]
      const reasonOf = (error: Partial<StoreError>): unknown => error.reason ?? error
      const said = await Promise.all(calls.map(call => call.catch(reasonOf)))
      const isRight = [0, undefined, undefined].every(
        (none, at) => said[at] === none || said[at] === 'refused',
      )
      ok(isRight, `of ${id} was said: ${said.join(', ')}`)
    }
  },

  'refuses a put with an unknown lease, and applies nothing': async scene => {
    const { id } = await scene.store.leases.grant(60)
    await scene.store.leases.revoke(id)
    await scene.rejects(scene.commit(scene.put('a'), scene.put('b', 'v', id)), 'lease-not-found')
    deepEqual(await scene.names(), [])
  },

  'does not mind an unknown lease in the branch that does not run': async scene => {
    const { id } = await scene.store.leases.grant(60)
    await scene.store.leases.revoke(id)
    const { succeeded } = await scene.store.commit({
      compare: [],
      success: [scene.put('a')],
      failure: [scene.put('b', 'v', id)],
    })
    equal(succeeded, true)
  },
}
