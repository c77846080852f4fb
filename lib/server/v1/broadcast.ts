import { setTimeout as delay } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import type { KeyEvent } from '../../kv/key-value.js'
import type { ChangeMapper } from '../../lock/api/index.js'
import type { LockService } from '../../lock/api/lock-service.js'
import type { LiveKeys } from '../../protocol/lock-event.js'
import { LockKey } from '../../protocol/lock-key.js'
import {
  followLocks,
  type LockChange,
  lockChangesOf,
  missedChanges,
} from '../../relukko/locks/relukko-change.js'
import { WriteYielder } from '../http/write-yielder.js'

/** A client that does not read what is sent to it for so many bytes is cut off. */
const MOST_UNREAD_BYTES = 1_000_000
/** How long to pause before a feed that has failed is begun anew. */
const RETRY_MS = 1_000
/** Of RFC 6455: the server goes away. */
const GOING_AWAY = 1001
/** How long a client may take to say farewell. */
const FAREWELL_MS = 1_000

/** Tells every client of every change of the locks, whichever process made it. */
export class Broadcast {
  /** How many changes it has told of. */
  told = 0
  private readonly clients = new Set<WebSocket>()
  /** Those of whom something was heard since the last ping. */
  private readonly answering = new WeakSet<WebSocket>()
  private pinging: NodeJS.Timeout | undefined
  private readonly ending = new AbortController()
  private running: Promise<void> | undefined
  private onNone: () => void = () => {}

  constructor(
    private readonly locks: LockService,
    private readonly prefix: string,
    /** Of all locks that are taken from here. */
    private readonly prefixes: readonly string[],
    /** Seconds between pings, and for an answer to one. */
    private readonly pingSeconds: number,
  ) {}

  start(): void {
    this.pinging ??= setInterval(() => this.ping(), this.pingSeconds * 1000)
    this.running ??= this.run()
  }

  add(client: WebSocket): void {
    // What it sends is of no interest, and what goes wrong with it ends in its close.
    client.on('error', () => {})
    if (this.ending.signal.aborted) return client.terminate()
    this.clients.add(client)
    this.answering.add(client)
    client.on('pong', () => this.answering.add(client))
    client.on('close', () => {
      this.clients.delete(client)
      if (this.clients.size === 0) this.onNone()
    })
  }

  get size(): number {
    return this.clients.size
  }

  async close(): Promise<void> {
    this.ending.abort()
    clearInterval(this.pinging)
    for (const client of this.clients) client.close(GOING_AWAY, 'The server is shutting down.')
    await Promise.all([this.running, this.farewells()])
  }

  /** Cuts the connections of clients that do not answer: they would keep the server from ending. */
  private async farewells(): Promise<void> {
    if (this.clients.size === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.onNone = resolve
      timer = setTimeout(resolve, FAREWELL_MS)
    })
    clearTimeout(timer)
    for (const client of this.clients) client.terminate()
  }

  private async run(): Promise<void> {
    const { signal } = this.ending
    const ranges = [...this.prefixes.map(prefix => LockKey.allUnder(prefix)[1]), LockKey.records]
    const cursor = { liveKeys: new Map(), revision: 0n }
    while (!signal.aborted) {
      const mapper: ChangeMapper<LockChange> = {
        seen: (changes, liveKeys) => this.changesOf(changes, liveKeys),
        missed: (now, since, liveKeys) => this.changesOf(missedChanges(now, since, liveKeys), liveKeys),
      }
      const feed = this.locks.feed(ranges, mapper, cursor)
      try {
        const burst = new WriteYielder()
        for await (const change of feed.events(signal)) await burst.sent(this.tell(change))
      } catch (error) {
        if (signal.aborted) return
        const why = (error as Error).message
        this.locks.log.warn(`The feed of changes has ended, and begins anew: ${why}`)
        await delay(RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** What is to be told of changes: nothing while nobody listens. */
  private changesOf(changes: readonly KeyEvent[], liveKeys: LiveKeys): LockChange[] {
    this.forget(changes)
    if (this.clients.size > 0) return lockChangesOf(this.prefix, changes, liveKeys)
    followLocks(this.prefix, changes, liveKeys)
    return []
  }

  /** What others have released is not held from here any more: its lease may have been meant to last for years. */
  private forget(changes: readonly KeyEvent[]): void {
    for (const change of changes) {
      if (change.type === 'delete') this.locks.forget(change.key, change.modRevision)
    }
  }

  /** Returns the bytes that each client is sent. */
  private tell({ type, lock }: LockChange): number {
    const frame = JSON.stringify({ [type]: lock })
    this.told++
    for (const client of this.clients) {
      if (client.bufferedAmount > MOST_UNREAD_BYTES) client.terminate()
      else client.send(frame)
    }
    return frame.length
  }

  /** Only a ping finds out that a client has gone without closing its connection. */
  private ping(): void {
    for (const client of this.clients) {
      if (!this.answering.delete(client)) client.terminate()
      else client.ping()
    }
  }
}
