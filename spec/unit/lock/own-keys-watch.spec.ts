import { slotOf } from '../../../lib/model/lock-id.js'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { eventKey } from '../../../lib/kv/key-value.js'
import { unconditionally } from '../../../lib/kv/transaction.js'
import { type OwnKeysListener, OwnKeysWatch } from '../../../lib/lock/engine/own-keys-watch.js'
import { LockIds } from '../../../lib/model/lock-ids.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { eventually } from '../../support/eventually.js'

const key = new LockKey('custom', 'name')
/** One of the holder keys and one of the markers. */
const OF_A_PROCESS = 2

describe('The watch of the own keys of a process', () => {
  let store: MemoryStore
  let watch: OwnKeysWatch
  let opened: Parameters<MemoryStore['watch']>[0][]
  let told: string[]
  beforeEach(() => {
    store = new MemoryStore()
    opened = []
    told = []
    const counting = Object.assign(Object.create(store) as MemoryStore, {
      watch: (...args: Parameters<MemoryStore['watch']>) => (opened.push(args[0]), store.watch(...args)),
    })
    watch = new OwnKeysWatch(counting, key)
  })
  afterEach(() => store.close())

  const listener = (name: string, uuid: string): OwnKeysListener => ({
    uuid,
    onEvents: events =>
      void told.push(...events.map(event => `${name} ${event.type} ${eventKey(event).split('/').at(-1)!}`)),
    onGap: () => void told.push(`${name} gap`),
    onEnd: () => void told.push(`${name} end`),
  })
  const put = (path: string) => store.commit(unconditionally({ type: 'put', key: path, value: '' }))

  it('is one for all of them, and tells each of its own holder key and marker', async () => {
    const ids = new LockIds()
    const newId = (): string => ids.take(['rack'])
    const [a, b, other] = [newId(), newId(), newId()]
    await watch.add(listener('a', a)).ready
    const group = watch.add(listener('b', b))
    expect([group.isReady, opened.length]).toEqual([true, OF_A_PROCESS])
    for (const path of [key.holder(b), key.forced(a), key.holder(other), key.ticket(a)]) await put(path)
    await eventually(() => expect(told).toEqual([`b put ${slotOf(b)}`, `a put ${a}`]))
  })

  it('tells of no deletes: one that leaves knows it, and would be told with each of its hand-overs', async () => {
    const uuid = new LockIds().take(['rack'])
    await watch.add(listener('a', uuid)).ready
    await put(key.holder(uuid))
    await store.commit(unconditionally({ type: 'delete', key: key.holder(uuid) }))
    await put(key.forced(uuid))
    await eventually(() => expect(told).toEqual([`a put ${slotOf(uuid)}`, `a put ${uuid}`]))
  })

  it('is another for ids of another process, and for those that were made elsewhere', async () => {
    const [a, b, c] = [new LockIds().take(['rack']), new LockIds().take(['rack']), 'made elsewhere']
    await Promise.all([a, b, c].map((uuid, at) => watch.add(listener('abc'[at]!, uuid)).ready))
    expect(opened).toHaveLength(3 * OF_A_PROCESS)
    await put(key.holder(c))
    await eventually(() => expect(told).toHaveLength(1))
  })

  it('waits in no range for news of the other, as etcd makes one watch of several do', async () => {
    await watch.add(listener('a', new LockIds().take(['rack']))).ready
    expect(opened.filter(range => 'key' in range)).toHaveLength(OF_A_PROCESS)
  })

  it('closes with the last of them, and is opened anew', async () => {
    const ids = new LockIds()
    const newId = (): string => ids.take(['rack'])
    const [a, b] = [listener('a', newId()), listener('b', newId())]
    await watch.add(a).ready
    await watch.add(b).ready
    watch.delete(a)
    await put(key.holder(a.uuid))
    await put(key.holder(b.uuid))
    await eventually(() => expect(told).toEqual([`b put ${slotOf(b.uuid)}`]))
    watch.delete(b)
    await put(key.holder(b.uuid))
    expect(watch.add(a).isReady).toBe(false)
    expect([opened.length, told.length]).toEqual([2 * OF_A_PROCESS, 1])
  })

  it('tells all of its end, and is opened anew', async () => {
    const ids = new LockIds()
    const newId = (): string => ids.take(['rack'])
    const [a, b] = [listener('a', newId()), listener('b', newId())]
    await Promise.all([watch.add(a).ready, watch.add(b).ready])
    await store.close()
    expect(told).toEqual(['a end', 'b end'])
    void watch.add(a).ready.catch(() => {})
    expect(opened).toHaveLength(2 * OF_A_PROCESS)
  })
})
