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
import { leasesInQuestion, type LockEvent, lockEventsOf, type LiveKeys } from '../../protocol/lock-event.js'
import { LockKey } from '../../protocol/lock-key.js'
import { missedEventsOf } from '../../protocol/missed-events.js'
import { isStoreError } from '../../store/store-error.js'
import type { Watch } from '../../store/store.js'
import { reasonOf, throwIfAborted } from '../../time/abort-signal.js'
import type { Engine } from '../engine/engine.js'
import { translated } from '../../store/retry.js'
import { reading } from '../engine/reading.js'

/** What is to be told. Both bring `standing` up to what they are given. */
export interface ChangeMapper<T> {
  /** Of the changes of one revision; as for {@link lockEventsOf}. */
  seen(changes: readonly KeyEvent[], standing: LiveKeys, living?: ReadonlySet<LeaseId>): T[]
  /** Of a time that nobody saw: `standing` is of the revision `since`, and `now` all that stands after it. */
  missed(now: readonly KeyValue[], since: bigint, standing: LiveKeys): T[]
}

/** Those events that somebody wants. */
export function events(isWanted: (event: LockEvent) => boolean): ChangeMapper<LockEvent> {
  return {
    seen: (changes, standing, living) => lockEventsOf(changes, standing, living).filter(isWanted),
    missed: (now, since, standing) => missedEventsOf(now, since, standing).filter(isWanted),
  }
}

/** What a feed has told up to; who begins one anew with it misses nothing that happened between. */
export interface FeedCursor {
  readonly standing: LiveKeys
  /** The last revision that was told; 0 before the first. */
  revision: bigint
}

/**
 * What happens to locks from now on, in its order, none twice. One watch of all keys of all locks is best: it alone keeps the order
 * in which one transaction has changed keys, which tells a release from the end of a lease. Where etcd does not allow
 * that, what is listened to is watched by its ranges.
 */
export class EventFeed<T> {
  private early: KeyEvent[] | undefined = []
  private ready: T[] = []
  private failure: unknown
  private isOver = false
  private wake: () => void = () => {}
  private fail: (failure: unknown) => void = () => {}
  private readonly over = new Promise<never>((_, reject) => (this.fail = reject))
  private watch: Watch | undefined
  /** Whether the changes of one revision come in the order in which etcd made them. */
  private isOrdered = true
  private taking = Promise.resolve()
  /** The look that knows most. */
  private looking: Promise<void> | undefined

  constructor(
    private readonly engine: Engine,
    /** What is listened to, each range all keys that start alike. */
    private readonly ranges: readonly KeyRange[],
    private readonly meaning: ChangeMapper<T>,
    private readonly told: FeedCursor = { standing: new Map(), revision: 0n },
  ) {
    // Whoever waits for something else at that time is told by `failure`.
    this.over.catch(() => {})
  }

  /**
   * @param onReady is called when nothing that happens from now on is missed.
   * @throws EtcdLockUnavailableError, LockError when etcd refuses, the signal's reason when it is aborted.
   */
  async *events(signal?: AbortSignal, onReady: () => void = () => {}): AsyncGenerator<T, void> {
    const onAbort = (): void => this.end(reasonOf(signal!))
    throwIfAborted(signal)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.engine.dependants.add(this)
    try {
      // A watch waits for an etcd that cannot be reached without a word.
      const opening = Promise.all([this.contact(signal), this.open()])
      await this.unlessOver(opening).catch((error: unknown) => {
        throw translated(error, this.path)
      })
      await this.unlessOver(this.look())
      onReady()
      for (;;) {
        yield* this.ready.splice(0)
        if (this.isOver) throw this.failure
        if (this.ready.length === 0) await new Promise<void>(resolve => (this.wake = resolve))
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.engine.dependants.delete(this)
      this.watch?.close()
    }
  }

  private async open(): Promise<void> {
    try {
      await this.listen(LockKey.all)
    } catch (error) {
      if (!isStoreError(error, 'refused') || this.isOver) throw error
      this.isOrdered = false
      await this.listen(this.ranges)
    }
  }

  /** @throws StoreError */
  private async listen(to: KeyRange | readonly KeyRange[]): Promise<void> {
    let stands = false
    let ended: Error | undefined
    this.watch = this.engine.store.watch(to, {
      onEvents: events => this.onEvents(events),
      onGap: () => this.onGap(),
      onEnd: error => (stands ? this.onEnd(error) : (ended = error)),
    })
    await this.watch.ready
    stands = true
    if (ended) this.onEnd(ended)
  }

  private onEvents(events: readonly KeyEvent[]): void {
    const ours = events.filter(event => this.ranges.some(({ key }) => eventKey(event).startsWith(key)))
    if (this.early) this.early.push(...ours)
    else this.take(ours)
  }

  /** What happened meanwhile is told by what has come of it. */
  private onGap(): void {
    this.early = []
    this.look().catch((error: unknown) => this.onEnd(error as Error))
  }

  private onEnd(error: Error): void {
    this.end(translated(error, this.path))
  }

  /** For errors. */
  private get path(): string {
    return this.ranges[0]!.key
  }

  close(): void {
    this.end(new LockError('The Lock was closed.'))
  }

  private end(failure: unknown): void {
    this.failure = failure
    this.isOver = true
    this.wake()
    this.fail(failure)
  }

  private unlessOver<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.over])
  }

  private async contact(signal: AbortSignal | undefined): Promise<void> {
    await reading(this.engine, this.path, within => this.engine.commit(readsOf(), within), signal)
  }

  private take(events: readonly KeyEvent[]): void {
    if (this.isOrdered) return byRevision(events).forEach(changes => this.tell(changes))
    this.taking = this.taking.then(async () => {
      for (const changes of byRevision(events)) this.tell(changes, await this.livingOf(changes))
    })
  }

  private tell(changes: readonly KeyEvent[], living?: ReadonlySet<LeaseId>): void {
    const revision = eventRevision(changes[0]!)
    if (revision <= this.told.revision) return
    this.told.revision = revision
    this.ready.push(...this.meaning.seen(changes, this.told.standing, living))
    this.wake()
  }

  /** Of a lease that etcd does not tell of, nothing is known. */
  private async livingOf(changes: readonly KeyEvent[]): Promise<Set<LeaseId>> {
    const { leases } = this.engine.store
    const asked = leasesInQuestion(changes, this.told.standing)
    const left = await Promise.all(asked.map(id => leases.remaining(id).catch(() => undefined)))
    return new Set(asked.filter((_, at) => left[at] !== undefined))
  }

  /** Resolves when what is seen now, or by a look that was begun after it, is taken in. */
  private look(): Promise<void> {
    const looking: Promise<void> = this.read(() => this.looking === looking)
    this.looking = looking
    return looking
  }

  private async read(isNewest: () => boolean): Promise<void> {
    const { results, revision } = await reading(this.engine, this.path, within =>
      this.engine.commit(readsOf(...this.ranges), within),
    )
    // Another gap has come meanwhile: what is seen now may be older than what is told already.
    if (!isNewest()) return this.looking
    const isFirst = this.told.revision === 0n
    // What was told may be of a history that etcd has lost.
    const since = this.told.revision < revision ? this.told.revision : revision
    const missed = this.meaning.missed(results.flat(), since, this.told.standing)
    if (!isFirst) this.ready.push(...missed)
    this.told.revision = revision
    const early = this.early ?? []
    this.early = undefined
    this.wake()
    this.take(early)
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
