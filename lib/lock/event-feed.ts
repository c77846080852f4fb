import type { KeyEvent, KeyValue } from '../kv/key-value.js'
import { LockError } from '../model/errors.js'
import { type LockEvent, lockEventsOf, type Standing } from '../protocol/lock-event.js'
import { LockKey } from '../protocol/lock-key.js'
import { missedEventsOf } from '../protocol/missed-events.js'
import type { Watch, WatchListener } from '../store/store.js'
import { reasonOf, throwIfAborted } from './abort-signal.js'
import type { Engine } from './engine.js'
import { translated } from './persist.js'
import { reading } from './reading.js'

/** What is to be told. Both bring `standing` up to what they are given. */
export interface Meaning<T> {
  /** Of the changes of one revision. */
  seen(changes: readonly KeyEvent[], standing: Standing): T[]
  /** Of a time that nobody saw: `standing` is of the revision `since`, and `now` all that stands after it. */
  missed(now: readonly KeyValue[], since: bigint, standing: Standing): T[]
}

/** Those events that somebody wants. */
export function events(isWanted: (event: LockEvent) => boolean): Meaning<LockEvent> {
  return {
    seen: (changes, standing) => lockEventsOf(changes, standing).filter(isWanted),
    missed: (now, since, standing) => missedEventsOf(now, since, standing).filter(isWanted),
  }
}

/** What a feed has told up to; who begins one anew with it misses nothing that happened between. */
export interface Told {
  readonly standing: Standing
  /** The last revision that was told; 0 before the first. */
  revision: bigint
}

/** What happens to locks from now on, in its order, none twice. One watch of all locks: only that keeps the order. */
export class EventFeed<T> implements WatchListener {
  private early: KeyEvent[] | undefined = []
  private ready: T[] = []
  private failure: unknown
  private isOver = false
  private wake: () => void = () => {}
  private fail: (failure: unknown) => void = () => {}
  private readonly over = new Promise<never>((_, reject) => (this.fail = reject))
  private watch: Watch | undefined
  /** The look that knows most. */
  private looking: Promise<void> | undefined

  constructor(
    private readonly engine: Engine,
    private readonly meaning: Meaning<T>,
    private readonly told: Told = { standing: new Map(), revision: 0n },
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
      this.watch = this.engine.store.watch(LockKey.all, this)
      // A watch waits for an etcd that cannot be reached without a word.
      const opening = Promise.all([this.contact(signal), this.watch.ready])
      await this.unlessOver(opening).catch((error: unknown) => {
        throw translated(error, LockKey.all.key)
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

  onEvents(events: readonly KeyEvent[]): void {
    if (this.early) this.early.push(...events)
    else this.take(events)
  }

  /** What happened meanwhile is told by what has come of it. */
  onGap(): void {
    this.early = []
    this.look().catch((error: unknown) => this.onEnd(error as Error))
  }

  onEnd(error: Error): void {
    this.end(translated(error, LockKey.all.key))
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
    const nothing = { compare: [], success: [], failure: [] }
    await reading(this.engine, LockKey.all.key, () => this.engine.commit(nothing), signal)
  }

  private take(events: readonly KeyEvent[]): void {
    for (const changes of byRevision(events)) {
      const revision = revisionOf(changes[0]!)
      if (revision <= this.told.revision) continue
      this.told.revision = revision
      this.ready.push(...this.meaning.seen(changes, this.told.standing))
    }
    this.wake()
  }

  /** Resolves when what is seen now, or by a look that was begun after it, is taken in. */
  private look(): Promise<void> {
    const looking: Promise<void> = this.read(() => this.looking === looking)
    this.looking = looking
    return looking
  }

  private async read(isNewest: () => boolean): Promise<void> {
    const all = { type: 'range' as const, ...LockKey.all }
    const { results, revision } = await reading(this.engine, all.key, () =>
      this.engine.commit({ compare: [], success: [all], failure: [] }),
    )
    // Another gap has come meanwhile: what is seen now may be older than what is told already.
    if (!isNewest()) return this.looking
    const isFirst = this.told.revision === 0n
    // What was told may be of a history that etcd has lost.
    const since = this.told.revision < revision ? this.told.revision : revision
    const missed = this.meaning.missed(results[0]!, since, this.told.standing)
    if (!isFirst) this.ready.push(...missed)
    this.told.revision = revision
    const early = this.early ?? []
    this.early = undefined
    this.take(early)
  }
}

function revisionOf(event: KeyEvent): bigint {
  return event.type === 'put' ? event.kv.modRevision : event.modRevision
}

function byRevision(events: readonly KeyEvent[]): KeyEvent[][] {
  const groups: KeyEvent[][] = []
  for (const event of events) {
    const group = groups.at(-1)
    if (group && revisionOf(group[0]!) === revisionOf(event)) group.push(event)
    else groups.push([event])
  }
  return groups
}
