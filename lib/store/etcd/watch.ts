import { eventRevision, type WatchedRange } from '../../kv/key-value.js'
import type { Watch, WatchListener } from '../store.js'
import type { WatchCreateRequest } from './proto/watch-request.js'
import type { WatchResponse } from './proto/watch-response.js'

/** What is to be done when a watch stands, or never will. */
interface Opening {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const READY = Promise.resolve()

/** One watch: where it stands in the history, and whether it has missed something. */
export class EtcdWatch implements Watch {
  ready: Promise<void>
  /** On the stream. */
  id = 0
  /** Undefined since it stands: there may be thousands of watches. */
  private opening: Opening | undefined
  /** The first revision not seen yet; undefined until etcd has said where "now" is. */
  next: bigint | undefined
  /** Whose revisions it counts. */
  private cluster: bigint | undefined
  private missed = false

  constructor(
    readonly range: WatchedRange,
    private readonly listener: WatchListener,
    private readonly stream: { remove(watch: EtcdWatch): void },
  ) {
    this.ready = new Promise((resolve, reject) => (this.opening = { resolve, reject }))
    this.ready.catch(() => {})
  }

  close(): void {
    this.stream.remove(this)
  }

  /**
   * From now at first: etcd serves a watch that starts in the past up to 100 ms late. After a cut, from
   * where it stood. That moves on also while nothing happens to its keys, every ten minutes by etcd's defaults: otherwise
   * a compaction would have to be taken for a loss of events.
   */
  createRequest(): WatchCreateRequest {
    return { ...this.range, watchId: this.id, startRevision: this.next }
  }

  /** Whether etcd has ever taken it. */
  get hasStood(): boolean {
    return this.next !== undefined || this.missed
  }

  receive({ created, clusterId, revision, events }: WatchResponse): void {
    if (created) this.onCreated(clusterId, revision)
    const { next } = this
    const fresh = next === undefined ? events : events.filter(event => eventRevision(event) >= next)
    const last = fresh.at(-1)
    if (!created && events.length === 0) this.onProgress(revision)
    if (!last) return
    this.next = eventRevision(last) + 1n
    this.listener.onEvents(fresh)
  }

  /** Its revisions mean nothing to this cluster. Not every new cluster has another id: data may have been lost from an old one. */
  isOfAnother(cluster: bigint): boolean {
    return this.cluster !== undefined && this.cluster !== cluster
  }

  /** The revisions that were to come are compacted, or will never come: go on from now, and say so. */
  restart(): void {
    this.next = undefined
    this.cluster = undefined
    this.missed = true
  }

  end(error: Error): void {
    this.opening?.reject(error)
    this.listener.onEnd(error)
  }

  /** Everything up to this revision was told. */
  private onProgress(revision: bigint): void {
    if (this.next !== undefined && this.next <= revision) this.next = revision + 1n
  }

  private onCreated(cluster: bigint, revision: bigint): void {
    if (cluster !== lastCluster) lastCluster = cluster
    this.cluster = lastCluster
    this.next ??= revision + 1n
    this.opening?.resolve()
    this.opening = undefined
    this.ready = READY
    if (!this.missed) return
    this.missed = false
    this.listener.onGap()
  }
}

/** Of the watch that was created last: watches are many, and share the number. */
let lastCluster: bigint | undefined

/** Whether a history that ends at this revision lacks what was seen before the revision `next`. */
export function isBeyond(next: bigint | undefined, revision: bigint): boolean {
  return next !== undefined && next > revision + 1n
}
