import { setTimeout as delay } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { LONGEST_TIMEOUT_MS } from '../../lock/clock.js'
import type { ClientSettings } from './client-options.js'
import type { HttpLine } from './http-line.js'
import { loadPeer } from './load-peer.js'

/** Listens to a server's WebSocket for the end of one lock. What goes wrong with it means that nothing is heard. */
export class Deletions {
  private socket: WebSocket | undefined
  private pinging: NodeJS.Timeout | undefined
  private awaited: NodeJS.Timeout | undefined
  /** Aborts when something is heard. */
  private heard = new AbortController()

  private constructor(
    private readonly lockName: string,
    private readonly settings: ClientSettings,
  ) {}

  /** Resolves when it listens, or cannot; then, whoever wants the lock is to try once more. */
  static async open(lockName: string, line: HttpLine, settings: ClientSettings): Promise<Deletions> {
    const deletions = new Deletions(lockName, settings)
    if (!settings.disableWebsocket && settings.proxy === undefined) await deletions.connect(line)
    return deletions
  }

  get isOpen(): boolean {
    return this.socket?.readyState === 1
  }

  /** Resolves when the lock was deleted since the last call, the socket has closed, or after so many milliseconds. */
  async next(ms: number, signal: AbortSignal): Promise<void> {
    const end = AbortSignal.any([signal, this.heard.signal])
    await delay(Math.min(ms, LONGEST_TIMEOUT_MS), undefined, { signal: end }).catch(() => {})
    if (this.heard.signal.aborted) this.heard = new AbortController()
  }

  close(): void {
    this.stopPinging()
    this.socket?.terminate()
  }

  private async connect({ baseUrl, headers }: HttpLine): Promise<void> {
    const { WebSocket: Socket } = await loadPeer('ws', () => import('ws'))
    const url = `${baseUrl.replace(/^http/, 'ws')}/ws/broadcast`
    const socket = new Socket(url, {
      ...this.settings.tls,
      headers,
      handshakeTimeout: this.settings.wsWaitForTimeout * 1000,
    })
    this.socket = socket
    socket.on('message', data => this.onFrame((data as Buffer).toString()))
    socket.on('pong', () => this.stopAwaiting())
    await new Promise<void>(resolve => {
      socket.on('open', () => {
        this.ping()
        resolve()
      })
      socket.on('error', () => resolve())
      socket.on('close', () => {
        this.stopPinging()
        this.heard.abort()
        resolve()
      })
    })
  }

  private ping(): void {
    const { wsPingInterval, wsPingTimeout } = this.settings
    if (wsPingInterval === 0) return
    this.pinging = setInterval(() => {
      this.socket?.ping()
      this.awaited ??= setTimeout(() => this.socket?.terminate(), wsPingTimeout * 1000)
    }, wsPingInterval * 1000)
  }

  private stopPinging(): void {
    clearInterval(this.pinging)
    this.stopAwaiting()
  }

  private stopAwaiting(): void {
    clearTimeout(this.awaited)
    this.awaited = undefined
  }

  private onFrame(text: string): void {
    try {
      const { deleted } = JSON.parse(text) as { deleted?: { lock_name?: unknown } }
      if (deleted && (deleted.lock_name ?? this.lockName) === this.lockName) this.heard.abort()
    } catch {
      // Of no interest: nothing is known to be deleted.
    }
  }
}
