import type { WebSocket } from 'ws'
import { bounded } from './bounded.js'
import type { HttpTransport } from './http/http-transport.js'
import { loadPeer } from './http/load-peer.js'
import type { Hop, RedirectAnswer } from './http/redirect.js'
import { timerMs } from './timer-ms.js'

/** Listens to a server's WebSocket for the end of one lock. What goes wrong with it means that nothing is heard. */
export class DeletionListener {
  private socket: WebSocket | undefined
  private pinging: NodeJS.Timeout | undefined
  private awaited: NodeJS.Timeout | undefined
  private reopenTimer: NodeJS.Timeout | undefined
  private isHeard = false
  private isUnwanted = false
  private wake: () => void = () => {}

  private constructor(
    private readonly lockName: string,
    private readonly line: HttpTransport,
  ) {}

  /** @throws RelukkoError when it is wanted and its package is not installed. */
  static async check(line: HttpTransport): Promise<void> {
    if (isWanted(line)) await loadPeer('ws', () => import('ws'))
  }

  /** Resolves when it listens, or cannot, or after so many milliseconds; then the waiter tries once more. */
  static async open(lockName: string, line: HttpTransport, ms: number): Promise<DeletionListener> {
    const deletions = new DeletionListener(lockName, line)
    if (isWanted(line)) await deletions.connect(ms)
    return deletions
  }

  get isOpen(): boolean {
    return this.socket?.readyState === 1
  }

  /**
   * Resolves when the lock was deleted since the last call, when the line's signal aborts, or after so many milliseconds;
   * when the socket closes, after `acquireWaitForTimeout`, since a server that closes one may close the next as well.
   */
  async next(ms: number): Promise<void> {
    const heard = (): Promise<void> => new Promise(resolve => (this.wake = resolve))
    if (!this.isHeard) await bounded(ms, this.line.signal, heard).catch(() => {})
    this.isHeard = false
  }

  close(): void {
    this.isUnwanted = true
    this.stopPinging()
    this.socket?.terminate()
    clearTimeout(this.reopenTimer)
  }

  private async connect(ms: number): Promise<void> {
    const { baseUrl, signal, settings } = this.line
    const { WebSocket: Socket } = await loadPeer('ws', () => import('ws'))
    const url = new URL(`${baseUrl}/ws/broadcast`)
    const longest = Math.min(settings.wsWaitForTimeout * 1000, ms)
    // Unlike ws, which would send the API key to wherever a redirect leads.
    const follow = async (end: AbortSignal): Promise<void> => {
      let hop: Hop | undefined = { method: 'GET', url, body: undefined }
      for (let followed = 0; hop && !end.aborted; followed++) {
        const answer = await this.openAt(hop.url, Socket)
        hop = answer && this.line.redirected(hop, answer, followed)
      }
    }
    await bounded(longest, signal, follow).catch(() => this.socket?.terminate())
  }

  /** Resolves when the socket is open or has failed, and to the answer when there was one that opened none. */
  private openAt(url: URL, Socket: typeof WebSocket): Promise<RedirectAnswer | undefined> {
    const { line } = this
    const socket = new Socket(url.href.replace(/^http/, 'ws'), {
      ...line.tlsFor(url),
      headers: line.headersFor(url),
    })
    this.socket = socket
    // At once: its end may come before anything is awaited, and an unhandled error ends the process.
    socket.on('error', () => {})
    socket.on('message', data => this.onFrame((data as Buffer).toString()))
    socket.on('pong', () => this.stopAwaiting())
    socket.on('open', () => {
      this.ping()
      socket.on('close', () => {
        this.stopPinging()
        if (this.isUnwanted) return
        this.reopenTimer = setTimeout(() => this.hear(), timerMs(line.settings.acquireWaitForTimeout))
      })
    })
    return new Promise(resolve => {
      for (const event of ['open', 'error', 'close']) socket.on(event, () => resolve(undefined))
      socket.on('unexpected-response', (request, { statusCode: status = 0, headers: { location } }) => {
        request.destroy()
        resolve({ status, location })
      })
    })
  }

  private hear(): void {
    this.isHeard = true
    this.wake()
  }

  private ping(): void {
    const { wsPingInterval, wsPingTimeout } = this.line.settings
    if (wsPingInterval === 0) return
    this.pinging = setInterval(() => {
      this.socket?.ping()
      this.awaited ??= setTimeout(() => this.socket?.terminate(), timerMs(wsPingTimeout))
    }, timerMs(wsPingInterval))
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
      if (deleted && (deleted.lock_name ?? this.lockName) === this.lockName) this.hear()
    } catch {
      // Of no interest: nothing is known to be deleted.
    }
  }
}

/** It does not pass a proxy. */
function isWanted({ settings, isProxied }: HttpTransport): boolean {
  return !settings.disableWebsocket && !isProxied
}
