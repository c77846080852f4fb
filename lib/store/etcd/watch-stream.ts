import type { IWatchRequest, IWatchResponse } from 'etcd3'
import type { KeyRange } from '../../kv/key-value.js'
import type { Watch, WatchListener } from '../store.js'
import { classify } from './classify.js'
import type { Connection } from './connection.js'
import { reconnectDelays } from './reconnect.js'
import { Stream } from './stream.js'
import { EtcdWatch } from './watch.js'

/** All watches of this process on one stream, each resumed after a cut from the last revision it saw. */
export class WatchStream {
  private readonly watches = new Map<string, EtcdWatch>()
  private readonly stream: Stream<IWatchRequest, IWatchResponse>
  private readonly delays = reconnectDelays()
  private reopenTimer: NodeJS.Timeout | undefined
  private nextId = 1

  constructor(connection: Connection) {
    this.stream = new Stream(connection, client => client.watchClient.watch(), {
      onData: response => this.receive(response),
      onDown: () => this.reopenLater(),
    })
  }

  watch(range: KeyRange, listener: WatchListener): Watch {
    const id = String(this.nextId++)
    const watch = new EtcdWatch(range, listener)
    this.watches.set(id, watch)
    if (!this.reopenTimer) this.create(id, watch)
    return { ready: watch.ready, close: () => this.remove(id) }
  }

  close(): void {
    clearTimeout(this.reopenTimer)
    this.watches.clear()
    this.stream.close()
  }

  private create(id: string, watch: EtcdWatch): void {
    try {
      this.stream.write({ create_request: { ...watch.createRequest(), watch_id: id } })
    } catch (error) {
      this.watches.delete(id)
      watch.end(classify(error))
    }
  }

  private remove(id: string): void {
    if (!this.watches.delete(id)) return
    if (!this.reopenTimer) this.stream.write({ cancel_request: { watch_id: id } })
    if (this.watches.size === 0) this.stream.idle()
  }

  private receive(response: IWatchResponse): void {
    const watch = this.watches.get(response.watch_id)
    if (!watch) return
    this.delays.reset()
    // "created" and "canceled" may come in one response: permission denied.
    if (response.canceled) this.onCanceled(response, watch)
    else watch.receive(response)
  }

  private onCanceled(
    { watch_id: id, compact_revision, cancel_reason }: IWatchResponse,
    watch: EtcdWatch,
  ): void {
    if (compact_revision !== '0') {
      watch.restart()
      this.create(id, watch)
    } else if (/permission denied/.test(cancel_reason)) {
      this.watches.delete(id)
      watch.end(classify(new Error(`etcd ended the watch: ${cancel_reason}`)))
    } else {
      this.stream.fail(new Error(`etcd ended the watch: ${cancel_reason || 'no reason given'}`))
    }
  }

  private reopenLater(): void {
    if (this.watches.size === 0 || this.reopenTimer) return
    this.reopenTimer = setTimeout(() => {
      this.reopenTimer = undefined
      for (const [id, watch] of this.watches) this.create(id, watch)
    }, this.delays.next())
  }
}
