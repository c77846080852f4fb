import type { KeyRange } from '../../../lib/kv/key-value.js'
import type { Timestamp } from '../../../lib/model/timestamp.js'
import { type Client, revisionOf } from './client.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** Watches what is to be watched from this place, as `QueueWatcher` does; when that stands already, waits for news. */
export function watchQueue({ rules }: World, client: Client, until: Timestamp | undefined): void {
  const ranges = rules.watchedBy(client.targetsIn(client.snapshots), NOW)
  client.watches = client.watches.filter(({ range }) => ranges.some(({ key }) => key === range.key))
  const fresh = ranges.filter(({ key }) => !client.watches.some(({ range }) => key === range.key))
  if (fresh.length > 0) return client.send({ kind: 'watch', ranges: fresh })
  client.stage = 'waiting'
  client.timer = until ? 'set' : 'none'
}

/** The watches stand. */
export function onWatching({ rules }: World, client: Client, ranges: readonly KeyRange[]): void {
  client.watches = [...client.watches, ...ranges.map(range => ({ range, batches: [] }))]
  if (rules.looksAfterWatch) client.send({ kind: 'read', why: 'wait' })
  else client.stage = 'running'
}

export function onWaitRead(world: World, client: Client): void {
  client.isStale = false
  client.see(world.truths(client))
  client.stage = 'running'
}

/** So many batches of each watch arrive before the waiter looks at them. */
export function deliver({ rules }: World, client: Client, counts: readonly number[]): void {
  const news = client.watches.flatMap(({ batches }, at) => batches.slice(0, counts[at]).flat())
  client.watches = client.watches.map(({ range, batches }, at) => ({
    range,
    batches: batches.slice(counts[at]),
  }))
  client.snapshots = client.snapshots.map(snapshot =>
    news.filter(event => revisionOf(event) > snapshot.revision).reduce(rules.applyEvent, snapshot),
  )
  client.stage = 'running'
}
