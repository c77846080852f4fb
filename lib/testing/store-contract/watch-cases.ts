import { deepEqual, equal, ok } from 'node:assert/strict'
import { eventRevision, withPrefix } from '../../kv/key-value.js'
import { eventually } from '../eventually.js'
import type { StoreCaseRun } from './store-scene.js'

/** A watch that is ready misses no change and tells them in their order. */
export const watchCases: Readonly<Record<string, StoreCaseRun>> = {
  'tells every change after it is ready, in order, one call per transaction': async scene => {
    const watch = scene.watch(scene.all)
    await watch.ready
    await scene.commit(scene.put('a'), scene.put('b'))
    const { revision } = await scene.commit(scene.delete('a'))
    await eventually(() => equal(watch.events.length, 3))
    deepEqual(
      watch.calls[0]!.map(event => event.type),
      ['put', 'put'],
    )
    deepEqual(watch.events[2], { type: 'delete', key: scene.key('a'), modRevision: revision })
    equal(watch.gaps, 0)
  },

  'tells nothing of what was before, or of other keys': async scene => {
    await scene.commit(scene.put('a'))
    const watch = scene.watch({ key: scene.key('a') })
    await watch.ready
    await scene.commit(scene.put('ab'))
    await scene.commit(scene.put('a', 'new'))
    await eventually(() => ok(watch.events.length > 0))
    deepEqual(
      watch.events.map(event => event.type === 'put' && event.kv.value),
      ['new'],
    )
  },

  'tells the changes of several ranges as one, in order, those of one transaction in one call':
    async scene => {
      const watch = scene.watch([withPrefix(scene.key('a/')), { key: scene.key('b') }])
      await watch.ready
      const both = await scene.commit(scene.put('a/1'), scene.put('b'))
      await scene.commit(scene.put('c'))
      const changed = await scene.commit(scene.put('b', 'changed'))
      const gone = await scene.commit(scene.delete('a/1'))
      await eventually(() => equal(watch.events.length, 4))
      const revisions = [both.revision, both.revision, changed.revision, gone.revision]
      deepEqual(watch.events.map(eventRevision), revisions)
      ok(watch.calls[0]!.length >= 2, 'the changes of one transaction came in two calls')
      watch.close()
      await scene.commit(scene.put('b'), scene.put('a/2'))
      const later = scene.watch({ key: scene.key('b') })
      await later.ready
      await scene.commit(scene.put('b'))
      await eventually(() => equal(later.events.length, 1))
      deepEqual([watch.events.length, watch.gaps], [4, 0])
    },

  'tells every put of a range of which only puts are asked for': async scene => {
    const watch = scene.watch({ ...scene.all, putsOnly: true })
    await watch.ready
    const first = await scene.commit(scene.put('a'))
    await scene.commit(scene.delete('a'))
    const last = await scene.commit(scene.put('a'))
    const puts = (): bigint[] => watch.events.filter(({ type }) => type === 'put').map(eventRevision)
    await eventually(() => deepEqual(puts(), [first.revision, last.revision]))
  },

  'is silent once closed, while others go on': async scene => {
    const atOnce = scene.watch(scene.all)
    atOnce.close()
    const closed = scene.watch(scene.all)
    const open = scene.watch(scene.all)
    await Promise.all([closed.ready, open.ready])
    closed.close()
    await scene.commit(scene.put('a'))
    await eventually(() => equal(open.events.length, 1))
    deepEqual([...atOnce.events, ...closed.events], [])
  },
}
