import { expect, it } from '@jest/globals'
import type { KeyRange } from '../../../lib/kv/key-value.js'
import { MarkersWatch } from '../../../lib/lock/engine/markers-watch.js'
import { type OwnKeysListener, OwnKeysWatch } from '../../../lib/lock/engine/own-keys-watch.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Store, WatchListener } from '../../../lib/store/store.js'

const refusal = new Error('The store is closed.')
const refusing = {
  watch: (_: unknown, listener: WatchListener) => {
    listener.onEnd(refusal)
    return { ready: Promise.reject(refusal), close: () => {} }
  },
} as unknown as Store
const listener: OwnKeysListener = { uuid: 'id', onEvents: () => {}, onGap: () => {}, onEnd: () => {} }

it.each<[string, () => { readonly ready: Promise<unknown> }]>([
  ['of markers', () => new MarkersWatch(refusing).add('custom', listener)],
  ['of own keys', () => new OwnKeysWatch(refusing, new LockKey('custom', 'name')).add(listener)],
])('a watch %s that the store refuses at once says so to whoever waits for it', async (_, add) => {
  await expect(add().ready).rejects.toBe(refusal)
})

it('a watch of own keys that the store refuses at once leaves no other open', async () => {
  const [open, key] = [new Set<string>(), new LockKey('custom', 'name')]
  const refusingOne = {
    watch: (range: KeyRange, told: WatchListener) => {
      if (range.key.startsWith(key.holders.key)) return refusing.watch(range, told)
      open.add(range.key)
      return { ready: Promise.resolve(), close: () => void open.delete(range.key) }
    },
  } as unknown as Store
  await expect(new OwnKeysWatch(refusingOne, key).add(listener).ready).rejects.toBe(refusal)
  expect([...open]).toStrictEqual([])
})

it('only whoever listens under a name stops listening under it', () => {
  const closed: string[] = []
  const store = {
    watch: ({ key }: KeyRange) => ({ ready: Promise.resolve(), close: () => void closed.push(key) }),
  } as unknown as Store
  const watch = new MarkersWatch(store)
  watch.add('custom', listener)
  watch.delete('custom', { ...listener })
  expect(closed).toStrictEqual([])
  watch.delete('custom', listener)
  expect(closed).toHaveLength(1)
})
