import type { WatchedRange } from '../../kv/key-value.js'
import { readsOf } from '../../kv/transaction.js'
import type { Watch, WatchListener } from '../store.js'
import { isStoreError, StoreError } from '../store-error.js'
import { classify } from './classify.js'
import type { Connection } from './connection.js'
import { encodeTransaction } from './proto/transaction-request.js'
import { decodeTransaction } from './proto/transaction-response.js'
import type { WatchRequest } from './proto/watch-request.js'
import type { WatchResponse } from './proto/watch-response.js'
import { reconnectDelays } from './reconnect.js'
import { Stream } from './stream.js'
import { isTokenRefusal } from './token.js'
import { EtcdWatch, isBeyond } from './watch.js'

/** What is said under this id concerns all. */
const ALL_WATCHES = -1

/** All watches of this process on one stream, each resumed after a cut from the last revision it saw. */
export class WatchStream {
  private readonly watches = new Map<number, EtcdWatch>()
  /** Those asked for on the stream and not answered, in the order in which etcd will answer. */
  private creating: EtcdWatch[] = []
  private readonly stream: Stream<WatchRequest, WatchResponse>
  private readonly delays = reconnectDelays()
  private reopenTimer: NodeJS.Timeout | undefined
  private answerTimer: NodeJS.Timeout | undefined
  private stopWatching = (): void => {}
  private nextId = 1
  /** Told, when asked for, up to which revision etcd has told everything, and in which run of the stream. */
  readonly progressListeners = new Set<(revision: bigint, run: number) => void>()
  private run = 0

  constructor(
    private readonly connection: Connection,
    private readonly timeoutMs: number,
  ) {
    this.stream = new Stream(connection, member => member.watch(), {
      onData: response => this.receive(response),
      onDown: error => {
        this.expectNothing()
        this.run++
        if (error.reason === 'refused') this.refuse(error)
        this.creating = []
        this.reopenLater()
      },
    })
  }

  watch(range: WatchedRange, listener: WatchListener): Watch {
    const watch = new EtcdWatch(range, listener, this)
    this.enlist(watch)
    return watch
  }

  /** Not while watches are being opened, of which etcd knows nothing yet. It may leave the question unanswered. */
  askProgress(): void {
    if (this.stream.isOpen && this.creating.length === 0 && !this.reopenTimer) {
      this.stream.write({ type: 'progress' })
    }
  }

  /** Ends a watch that was asked for. */
  remove(watch: EtcdWatch): void {
    if (!this.watches.delete(watch.id)) return
    this.cancel(watch)
    if (this.watches.size > 0) return
    // No caller waits for the answer that may still come, so it must not keep this process alive.
    this.expectNothing()
    this.stream.idle()
  }

  close(): void {
    clearTimeout(this.reopenTimer)
    // Who asks for a watch later would wait for it.
    this.reopenTimer = undefined
    this.expectNothing()
    this.stream.close()
    const closed = new StoreError('closed', 'The connection to etcd is closed.')
    for (const watch of this.watches.values()) this.end(watch, closed)
  }

  private enlist(watch: EtcdWatch): void {
    watch.id = this.nextId++
    this.watches.set(watch.id, watch)
    if (!this.reopenTimer) this.create(watch)
  }

  private create(watch: EtcdWatch): void {
    try {
      if (!this.stream.isOpen) this.creating = []
      this.stream.write({ type: 'create', watch: watch.createRequest() })
      this.creating.push(watch)
      if (!this.answerTimer) this.expectAnswer()
    } catch (error) {
      this.end(watch, classify(error))
    }
  }

  /** A connection to nowhere says nothing, and no call that would time out may be under way. */
  private expectAnswer(): void {
    this.expectNothing()
    if (this.creating.length === 0) return
    this.stopWatching = this.connection.expectAnswer(this.stream.doubt, this.timeoutMs)
    this.answerTimer = setTimeout(() => {
      this.expectNothing()
      this.stream.fail(
        new StoreError('unreachable', `etcd did not open a watch within ${this.timeoutMs} ms.`),
      )
    }, this.timeoutMs)
  }

  private expectNothing(): void {
    clearTimeout(this.answerTimer)
    this.answerTimer = undefined
    this.stopWatching()
  }

  private end(watch: EtcdWatch, error: StoreError): void {
    this.watches.delete(watch.id)
    watch.end(error)
  }

  private cancel(watch: EtcdWatch): void {
    if (this.stream.isOpen) this.stream.write({ type: 'cancel', watchId: watch.id })
  }

  private receive(response: WatchResponse): void {
    // A watch that is refused is answered under no id.
    const id = response.created ? this.creating.shift()?.id : response.watchId
    if (response.created) this.expectAnswer()
    const watch = id !== undefined && this.watches.get(id)
    if (response.watchId === ALL_WATCHES && !response.created) return this.onProgress(response)
    if (!watch) return
    // "created" and "canceled" may come in one response: permission denied.
    if (response.canceled) return this.onCanceled(response, watch)
    this.delays.reset()
    if (response.created && watch.isOfAnother(response.clusterId)) return this.restart(watch)
    watch.receive(response)
    if (response.created && isBeyond(watch.next, response.revision)) void this.question(watch)
  }

  private onProgress({ revision }: WatchResponse): void {
    if (this.creating.length > 0) return
    for (const listener of this.progressListeners) listener(revision, this.run)
  }

  /**
   * The answering member is behind what the watch has seen. It may lag: then the watch waits there until the member has
   * caught up, and misses nothing. Or data were lost. A linearizable read tells for certain, since it shows all that
   * was committed before the read began.
   */
  private async question(watch: EtcdWatch): Promise<void> {
    const { id, range, next } = watch
    try {
      const request = encodeTransaction(readsOf({ ...range, limit: 1 }))
      const answer = await this.connection.call((member, { deadline }) => member.transact(request, deadline))
      const { revision } = decodeTransaction(answer)
      if (isBeyond(next, revision) && this.watches.get(id) === watch) this.restart(watch)
    } catch (error) {
      // The call has failed the stream if etcd is unreachable; the question is put again when the stream is open again.
      if (!isStoreError(error, 'unreachable')) this.stream.renew(error as Error)
    }
  }

  /** Under a new id: etcd does not forget the old one while the stream lasts, and refuses it. */
  private restart(watch: EtcdWatch): void {
    this.watches.delete(watch.id)
    this.cancel(watch)
    watch.restart()
    this.enlist(watch)
  }

  private onCanceled({ compactRevision, cancelReason }: WatchResponse, watch: EtcdWatch): void {
    if (compactRevision !== 0n) return this.restart(watch)
    const reason = `etcd ended the watch: ${cancelReason || 'no reason given'}`
    // The stream keeps the token with which it was opened.
    if (this.connection.isMendable(cancelReason)) this.stream.renew(new Error(reason))
    else if (isTokenRefusal(cancelReason) || cancelReason.includes('permission denied')) {
      this.end(watch, new StoreError('refused', reason))
    } else this.stream.fail(new Error(reason))
  }

  /** The user is not let in. A watch that has stood was allowed, and may be again: the password is being changed, say. */
  private refuse(error: StoreError): void {
    for (const watch of this.watches.values()) if (!watch.hasStood) this.end(watch, error)
  }

  private reopenLater(): void {
    if (this.watches.size === 0 || this.reopenTimer) return
    this.reopenTimer = setTimeout(() => {
      this.reopenTimer = undefined
      for (const watch of this.watches.values()) this.create(watch)
    }, this.delays.next())
  }
}
