import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { KeyEvent, KeyRange } from '../../lib/kv/key-value.js'
import { withPrefix } from '../../lib/kv/key-value.js'
import type { Compare, Op, Transaction } from '../../lib/kv/transaction.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'

/** What every store must do, run over each of them. `base` keeps the keys of one test apart. */
export function storeContract(make: () => Promise<Store>): void {
  let store: Store
  let base: string
  let run = 0

  beforeEach(async () => {
    store = await make()
    base = `/contract/${process.pid}-${Date.now()}-${run++}/`
  })
  afterEach(() => store.close())

  const key = (name: string): string => base + name
  const put = (name: string, value = 'v', lease?: string): Op => ({
    type: 'put',
    key: key(name),
    value,
    lease,
  })
  const del = (name: string): Op => ({ type: 'delete', key: key(name) })
  const read = (name: string): Op => ({ type: 'range', key: key(name) })
  const readAll = (): Op => ({ type: 'range', ...withPrefix(base) })
  const txn = (...success: Op[]): Transaction => ({ compare: [], success, failure: [] })
  const when = (...compare: Compare[]): Transaction => ({
    compare,
    success: [put('yes')],
    failure: [put('no')],
  })
  const succeeded = async (...compare: Compare[]): Promise<boolean> =>
    (await store.commit(when(...compare))).succeeded

  function record(range: KeyRange | readonly KeyRange[]): {
    events: KeyEvent[][]
    gaps: number
    ready: Promise<void>
    close(): void
  } {
    const seen = { events: [] as KeyEvent[][], gaps: 0 }
    const watch = store.watch(range, {
      onEvents: events => void seen.events.push([...events]),
      onGap: () => void seen.gaps++,
      onEnd: () => {},
    })
    return Object.assign(seen, { ready: watch.ready, close: () => watch.close() })
  }

  describe('transactions', () => {
    it('gives every writing transaction the next revision, and all its writes that one', async () => {
      const first = await store.commit(txn(put('a'), put('b')))
      const second = await store.commit(txn(put('a', 'w'), readAll()))
      expect(second.revision).toBe(first.revision + 1n)
      expect(second.results[1]).toEqual([
        {
          key: key('a'),
          value: 'w',
          createRevision: first.revision,
          modRevision: second.revision,
          lease: undefined,
        },
        {
          key: key('b'),
          value: 'v',
          createRevision: first.revision,
          modRevision: first.revision,
          lease: undefined,
        },
      ])
    })

    it('keeps the revision when it only reads, or deletes what is not there', async () => {
      const { revision } = await store.commit(txn(put('a')))
      expect((await store.commit(txn(read('a')))).revision).toBe(revision)
      expect((await store.commit(txn(del('missing')))).revision).toBe(revision)
    })

    it('starts a new life with a new create revision after a delete', async () => {
      await store.commit(txn(put('a')))
      await store.commit(txn(del('a')))
      const { revision } = await store.commit(txn(put('a')))
      const [found] = (await store.commit(txn(read('a')))).results[0]!
      expect(found).toMatchObject({ createRevision: revision, modRevision: revision })
    })

    it('shows a read the writes before it in the same transaction', async () => {
      const { results } = await store.commit(txn(read('a'), put('a'), read('a'), read('b')))
      expect(results.map(found => found.length)).toEqual([0, 0, 1, 0])
    })

    it('runs the failure branch, whole and alone, when one compare fails', async () => {
      const { succeeded } = await store.commit(
        when(
          { target: 'mod', key: key('a'), is: '=', revision: 0n },
          { target: 'mod', key: key('a'), is: '>', revision: 0n },
        ),
      )
      const [all] = (await store.commit(txn(readAll()))).results
      expect(succeeded).toBe(false)
      expect(all!.map(kv => kv.key)).toEqual([key('no')])
    })

    it('compares the revisions of one key', async () => {
      const { revision: created } = await store.commit(txn(put('a')))
      const { revision: changed } = await store.commit(txn(put('a')))
      const on = { key: key('a') }
      expect(await succeeded({ ...on, target: 'create', is: '=', revision: created })).toBe(true)
      expect(await succeeded({ ...on, target: 'create', is: '!=', revision: created })).toBe(false)
      expect(await succeeded({ ...on, target: 'mod', is: '=', revision: changed })).toBe(true)
      expect(await succeeded({ ...on, target: 'mod', is: '<', revision: changed })).toBe(false)
      expect(await succeeded({ ...on, target: 'mod', is: '>', revision: created })).toBe(true)
    })

    it('takes a missing key for one with revision 0', async () => {
      const on = { key: key('a') }
      expect(await succeeded({ ...on, target: 'mod', is: '=', revision: 0n })).toBe(true)
      expect(await succeeded({ ...on, target: 'create', is: '!=', revision: 0n })).toBe(false)
    })

    it('takes an empty range for one key with revision 0', async () => {
      const on = withPrefix(key('none/'))
      expect(await succeeded({ ...on, target: 'create', is: '=', revision: 0n })).toBe(true)
      expect(await succeeded({ ...on, target: 'create', is: '>', revision: 0n })).toBe(false)
      expect(await succeeded({ ...on, target: 'mod', is: '<', revision: 5n })).toBe(true)
    })

    it('holds a range to a compare only when every key in it passes', async () => {
      const { revision } = await store.commit(txn(put('r/1')))
      await store.commit(txn(put('r/2')))
      const on = withPrefix(key('r/'))
      expect(await succeeded({ ...on, target: 'create', is: '>', revision: revision - 1n })).toBe(true)
      expect(await succeeded({ ...on, target: 'create', is: '>', revision })).toBe(false)
    })

    it('reads a range in the order of bytes, not of UTF-16', async () => {
      const names = ['a', 'é', '\u{ffee}', '\u{1f512}']
      await store.commit(txn(...names.toReversed().map(name => put(name))))
      const [all] = (await store.commit(txn(readAll()))).results
      expect(all!.map(kv => kv.key)).toEqual(names.map(key))
    })

    it('refuses to write a key twice in one branch, and applies nothing', async () => {
      await expect(store.commit(txn(put('a'), put('a')))).rejects.toMatchObject({ reason: 'refused' })
      await expect(store.commit(txn(put('a'), del('a')))).rejects.toMatchObject({ reason: 'refused' })
      expect((await store.commit(txn(readAll()))).results).toEqual([[]])
    })
  })

  describe('leases', () => {
    it('grants at least the TTL asked for', async () => {
      const { ttl } = await store.leases.grant(1)
      expect(ttl).toBeGreaterThanOrEqual(2)
      expect((await store.leases.grant(60)).ttl).toBe(60)
    })

    it('deletes the keys of a revoked lease, and no others', async () => {
      const { id } = await store.leases.grant(60)
      await store.commit(txn(put('a', 'v', id), put('b', 'v', id), put('c')))
      await store.commit(txn(put('b', 'detached')))
      await store.leases.revoke(id)
      const [left] = (await store.commit(txn(readAll()))).results
      expect(left!.map(kv => [kv.key, kv.lease])).toEqual([
        [key('b'), undefined],
        [key('c'), undefined],
      ])
    })

    it('shows the lease of a key', async () => {
      const { id } = await store.leases.grant(60)
      await store.commit(txn(put('a', 'v', id)))
      expect((await store.commit(txn(read('a')))).results[0]![0]!.lease).toBe(id)
      await store.leases.revoke(id)
    })

    it('deletes the keys of a lease that has ended by itself', async () => {
      const { id } = await store.leases.grant(2)
      await store.commit(txn(put('a', 'v', id)))
      const watch = record(withPrefix(base))
      await watch.ready
      await eventually(() => expect(watch.events.flat()).toMatchObject([{ type: 'delete', key: key('a') }]))
      expect(await store.leases.renew(id)).toBe(0)
    })

    it('renews a living lease and says 0 for an unknown one', async () => {
      const { id } = await store.leases.grant(60)
      expect(await store.leases.renew(id)).toBe(60)
      await store.leases.revoke(id)
      expect(await store.leases.renew(id)).toBe(0)
      await store.leases.revoke(id)
    })

    it('tells what is left of a lease, and renews nothing by that', async () => {
      const { id, ttl } = await store.leases.grant(3)
      const first = (await store.leases.remaining(id))!
      expect(first.ttl).toBe(ttl)
      expect([2, 3]).toContain(first.left)
      await eventually(
        async () => expect((await store.leases.remaining(id))!.left).toBeLessThan(first.left),
        3_000,
      )
      await store.leases.revoke(id)
      expect(await store.leases.remaining(id)).toBeUndefined()
    })

    it('refuses a put with an unknown lease and applies nothing', async () => {
      const { id } = await store.leases.grant(60)
      await store.leases.revoke(id)
      await expect(store.commit(txn(put('a'), put('b', 'v', id)))).rejects.toMatchObject({
        reason: 'lease-not-found',
      })
      expect((await store.commit(txn(readAll()))).results).toEqual([[]])
    })

    it('does not mind an unknown lease in the branch that does not run', async () => {
      const { id } = await store.leases.grant(60)
      await store.leases.revoke(id)
      const { succeeded } = await store.commit({
        compare: [],
        success: [put('a')],
        failure: [put('b', 'v', id)],
      })
      expect(succeeded).toBe(true)
    })
  })

  describe('watches', () => {
    it('tells every change after it stands, in order, one call per transaction', async () => {
      const watch = record(withPrefix(base))
      await watch.ready
      await store.commit(txn(put('a'), put('b')))
      const { revision } = await store.commit(txn(del('a')))
      await eventually(() => expect(watch.events.flat()).toHaveLength(3))
      expect(watch.events[0]!.map(event => event.type)).toEqual(['put', 'put'])
      expect(watch.events.flat()[2]).toEqual({ type: 'delete', key: key('a'), modRevision: revision })
      expect(watch.gaps).toBe(0)
    })

    it('tells nothing of what was before, or of other keys', async () => {
      await store.commit(txn(put('a')))
      const watch = record({ key: key('a') })
      await watch.ready
      await store.commit(txn(put('ab')))
      await store.commit(txn(put('a', 'new')))
      await eventually(() =>
        expect(watch.events.flat()).toMatchObject([{ type: 'put', kv: { value: 'new' } }]),
      )
    })

    it('tells the changes of several ranges as one, in order, those of one transaction in one call', async () => {
      const watch = record([withPrefix(key('a/')), { key: key('b') }])
      await watch.ready
      const both = await store.commit(txn(put('a/1'), put('b')))
      await store.commit(txn(put('c')))
      const changed = await store.commit(txn(put('b', 'changed')))
      const gone = await store.commit(txn(del('a/1')))
      await eventually(() => expect(watch.events.flat()).toHaveLength(4))
      const revisions = watch.events
        .flat()
        .map(event => (event.type === 'put' ? event.kv : event).modRevision)
      expect(revisions).toEqual([both.revision, both.revision, changed.revision, gone.revision])
      expect(watch.events[0]!.length).toBeGreaterThanOrEqual(2)
      watch.close()
      await store.commit(txn(put('b'), put('a/2')))
      const later = record({ key: key('b') })
      await later.ready
      await store.commit(txn(put('b')))
      await eventually(() => expect(later.events.flat()).toHaveLength(1))
      expect([watch.events.flat().length, watch.gaps]).toEqual([4, 0])
    })

    it('is silent once closed, while others go on', async () => {
      const closed = record(withPrefix(base))
      const open = record(withPrefix(base))
      await Promise.all([closed.ready, open.ready])
      closed.close()
      await store.commit(txn(put('a')))
      await eventually(() => expect(open.events.flat()).toHaveLength(1))
      expect(closed.events).toEqual([])
    })
  })

  it('refuses calls after it was closed', async () => {
    await store.close()
    await expect(store.commit(txn(put('a')))).rejects.toMatchObject({ reason: 'closed' })
    await expect(store.leases.grant(5)).rejects.toMatchObject({ reason: 'closed' })
    await expect(store.leases.renew('1')).rejects.toMatchObject({ reason: 'closed' })
    await expect(record(withPrefix(base)).ready).rejects.toMatchObject({ reason: 'closed' })
  })
}
