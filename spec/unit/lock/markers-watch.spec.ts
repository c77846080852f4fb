import { expect, it } from '@jest/globals'
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
