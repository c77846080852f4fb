import {
  eventKey,
  eventRevision,
  type KeyEvent,
  type KeyRange,
  type KeyValue,
  type LeaseId,
} from '../../kv/key-value.js'
import { readsOf } from '../../kv/transaction.js'
import { LockError } from '../../model/errors.js'
import { leasesInQuestion, type LiveKeys } from '../../protocol/lock-event.js'
import { LockKey } from '../../protocol/lock-key.js'
import { translated } from '../../store/retry.js'
import { isStoreError } from '../../store/store-error.js'
import type { Watch } from '../../store/store.js'
import { reasonOf, throwIfAborted } from '../../time/abort-signal.js'
import type { Engine } from '../engine/engine.js'
import { reading } from '../engine/reading.js'
import type { ChangeMapper } from './change-mapper.js'
import { readPages } from './pages.js'
import { type FeedEffect, type FeedEvent, type FeedState, nextFeed, OPENING } from './feed-state.js'

/** How far a feed has told. Another feed that goes on from it misses nothing that happened in between. */
export interface FeedCursor {
  /** The keys as of that revision. */
  readonly liveKeys: LiveKeys
  /** The last revision that was told; 0 before the first. */
  revision: bigint
}

/**
 * What happens to locks from now on, in the order in which it happens, nothing twice. The feed watches all keys of all locks
 * with one watch, since only one watch keeps the order in which a transaction has changed its keys, which tells a release
 * from the end of a lease. Where etcd does not allow that, it watches its ranges.
 */
export class EventFeed<T> {
  private state: FeedState = OPENING
  /** Made, and not yet taken by the caller. */
  private untold: T[] = []
  /** Whether the changes of one revision come in the order in which etcd made them. */
  private isOrdered = true
  /** Where they do not: the changes are told one revision after the other, however long etcd is asked about each. */
  private telling = Promise.resolve()
  /** How often etcd was seen to have been restored from a backup. */
  private restores = 0
  private watch: Watch | undefined
  private wake: () => void = () => {}
  private fail: (failure: unknown) => void = () => {}
  private readonly closed = new Promise<never>((_, reject) => (this.fail = reject))

  constructor(
    private readonly engine: Engine,
    /** What the feed is about: each range is all keys with one prefix. */
    private readonly ranges: readonly KeyRange[],
    private readonly mapper: ChangeMapper<T>,
    private readonly cursor: FeedCursor = { liveKeys: new Map(), revision: 0n },
  ) {
    // After the opening nobody waits for it: the loop reads the failure from the state.
    this.closed.catch(() => {})
  }

  /**
   * May be called once.
   * @param onReady is called when nothing that happens from now on is missed.
   * @throws EtcdLockUnavailableError, LockError when etcd refuses, the signal's reason when it is aborted.
   */
  async *events(signal?: AbortSignal, onReady: () => void = () => {}): AsyncGenerator<T, void> {
    const onAbort = (): void => this.end(reasonOf(signal!))
    throwIfAborted(signal)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.engine.feeds.add(this)
    try {
      await this.open(signal)
      onReady()
      for (;;) {
        yield* this.untold.splice(0)
        this.throwIfClosed()
        if (this.untold.length === 0) await this.news()
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.engine.feeds.delete(this)
      this.watch?.close()
    }
  }

  close(): void {
    this.end(new LockError('The Lock was closed.'))
  }

  /** Resolves when the feed follows. A watch alone would wait without a word for an etcd that cannot be reached. */
  private async open(signal: AbortSignal | undefined): Promise<void> {
    const contact = reading(this.engine, this.path, within => this.engine.commit(readsOf(), within), signal)
    const opening = Promise.all([contact, this.listen()])
    await Promise.race([opening, this.closed]).catch((error: unknown) => {
      throw translated(error, this.path)
    })
    this.apply({ type: 'opened' })
    while (this.state.phase === 'reading') await this.news()
    this.throwIfClosed()
  }

  private async listen(): Promise<void> {
    const refusal = await this.listenTo(LockKey.all).catch((error: unknown) => {
      if (isStoreError(error, 'refused') && this.state.phase !== 'closed') return error
      throw error
    })
    if (!refusal) return
    this.isOrdered = false
    await this.listenTo(this.ranges)
  }

  /** @throws StoreError */
  private async listenTo(ranges: KeyRange | readonly KeyRange[]): Promise<void> {
    let stands = false
    let ended: Error | undefined
    this.watch = this.engine.store.watch(ranges, {
      onEvents: events => this.onEvents(events),
      onGap: () => this.apply({ type: 'gap' }),
      onEnd: error => {
        ended = error
        if (stands) this.end(error)
      },
    })
    // A watch that is refused ends, too, which is no end of the feed. One that stood may have ended before we hear that it stood.
    await this.watch.ready
    stands = true
    if (ended) this.end(ended)
  }

  private onEvents(events: readonly KeyEvent[]): void {
    const changes = events.filter(event => this.ranges.some(({ key }) => eventKey(event).startsWith(key)))
    if (changes.length > 0) this.apply({ type: 'changed', changes })
  }

  private apply(event: FeedEvent): void {
    const { state, effects } = nextFeed(this.state, event)
    this.state = state
    for (const effect of effects) this.carryOut(effect)
    this.wake()
  }

  private carryOut(effect: FeedEffect): void {
    switch (effect.type) {
      case 'read':
        this.read(effect.number).catch((error: unknown) => this.end(error))
        return
      case 'catch-up':
        return this.catchUp(effect.keys, effect.revision)
      case 'tell':
        return this.tell(effect.changes)
    }
  }

  private async read(number: number): Promise<void> {
    const { results, revision } = await reading(this.engine, this.path, within =>
      readPages(this.engine, this.ranges, within),
    )
    this.apply({ type: 'read', number, keys: results.flat(), revision })
  }

  private catchUp(keys: readonly KeyValue[], revision: bigint): void {
    const { cursor } = this
    const isFirst = cursor.revision === 0n
    // An etcd that was restored from a backup has an older revision than the one that was told.
    if (revision < cursor.revision) this.restores++
    const since = cursor.revision < revision ? cursor.revision : revision
    const missed = this.mapper.missed(keys, since, cursor.liveKeys)
    if (!isFirst) this.untold.push(...missed)
    cursor.revision = revision
  }

  private tell(changes: readonly KeyEvent[]): void {
    const revisions = byRevision(changes)
    if (this.isOrdered) return revisions.forEach(each => this.tellOne(each))
    const { restores } = this
    this.telling = this.telling.then(async () => {
      for (const each of revisions) {
        const liveLeases = await this.liveLeasesOf(each)
        // Revisions from before a restore count for nothing after it: they would hide what happens up to them.
        if (restores === this.restores) this.tellOne(each, liveLeases)
      }
    })
  }

  /** The changes of one revision, unless a read has told of it. */
  private tellOne(changes: readonly KeyEvent[], liveLeases?: ReadonlySet<LeaseId>): void {
    const { cursor } = this
    const revision = eventRevision(changes[0]!)
    if (revision <= cursor.revision) return
    cursor.revision = revision
    this.untold.push(...this.mapper.seen(changes, cursor.liveKeys, liveLeases))
    this.wake()
  }

  /** Without the leases of which etcd does not tell within the time of a call: nothing is known of them. */
  private async liveLeasesOf(changes: readonly KeyEvent[]): Promise<Set<LeaseId>> {
    const { leases } = this.engine.store
    const asked = leasesInQuestion(changes, this.cursor.liveKeys)
    const left = await Promise.all(asked.map(id => leases.remaining(id).catch(() => undefined)))
    return new Set(asked.filter((_, at) => left[at] !== undefined))
  }

  /** Resolves when there is something to tell, or the state has changed. */
  private news(): Promise<void> {
    return new Promise(resolve => (this.wake = resolve))
  }

  private end(error: unknown): void {
    const failure = translated(error, this.path)
    this.fail(failure)
    this.apply({ type: 'ended', failure })
  }

  private throwIfClosed(): void {
    if (this.state.phase === 'closed') throw this.state.failure
  }

  /** For errors. */
  private get path(): string {
    return this.ranges[0]!.key
  }
}

function byRevision(events: readonly KeyEvent[]): KeyEvent[][] {
  const groups: KeyEvent[][] = []
  for (const event of events) {
    const group = groups.at(-1)
    if (group && eventRevision(group[0]!) === eventRevision(event)) group.push(event)
    else groups.push([event])
  }
  return groups
}
