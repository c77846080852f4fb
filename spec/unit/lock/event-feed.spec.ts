import { systemHost } from '../../../lib/lock/engine/host.js'
import { expect, it } from '@jest/globals'
import { pino } from 'pino'
import { Lock } from '../../../lib/index.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { events } from '../../../lib/lock/observe/change-mapper.js'
import { EventFeed } from '../../../lib/lock/observe/event-feed.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import type { Store, WatchListener } from '../../../lib/store/store.js'
import { eventually } from '../../support/eventually.js'

it('a look that is overtaken by another tells nothing, and is not what makes a feed ready', async () => {
  const store = new MemoryStore()
  const lock = new Lock({ store, prefix: 'custom', owner: 'me', dryRun: false })
  let listener: WatchListener | undefined
  const ranges = LockKey.toldUnder('custom')
  /** Those of looks that were read, and are not answered yet. */
  const answers: (() => void)[] = []
  const slow: Store = {
    leases: store.leases,
    watch: (range, to) => store.watch(range, (listener = to)),
    close: () => Promise.resolve(),
    commit: async transaction => {
      const result = await store.commit(transaction)
      const isLook = transaction.success.some(op => op.key === ranges[0]!.key)
      if (isLook) await new Promise<void>(resolve => answers.push(resolve))
      return result
    },
  }
  const engine = new Engine(slow, systemHost, pino({ level: 'silent' }))
  const told: string[] = []
  const end = new AbortController()
  const feed = new EventFeed(
    engine,
    ranges,
    events(() => true),
  )
  const reading = (async () => {
    for await (const { type } of feed.events(end.signal, () => told.push('ready'))) told.push(type)
  })().catch(() => {})

  await eventually(() => expect(answers).toHaveLength(1))
  listener!.onGap()
  await eventually(() => expect(answers).toHaveLength(2))
  answers[0]!()
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(told).toEqual([])
  answers[1]!()
  await eventually(() => expect(told).toEqual(['ready']))

  listener!.onGap()
  await eventually(() => expect(answers).toHaveLength(3))
  await lock.acquire('rack', { concurrency: 1, ttl: 60 })
  listener!.onGap()
  await eventually(() => expect(answers).toHaveLength(4))
  answers[3]!()
  await eventually(() => expect(told).toEqual(['ready', 'granted']))
  answers[2]!()
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(told).toEqual(['ready', 'granted'])

  end.abort()
  await reading
  await Promise.all([lock.close(), engine.close()])
  await store.close()
})
