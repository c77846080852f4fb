import { setMaxListeners } from 'node:events'
import { reasonOf, type StopSignal } from './abort-signal.js'
import type { Clock, Timer } from './clock.js'

/** The end of a wait: by the caller's signal, by {@link abort}, or because its time is over. */
export class WaitDeadline implements StopSignal {
  aborted = false
  /** The caller wants nothing any more, not even a lock that is granted at the last moment. */
  isAbandoned = false
  /** Why it was aborted. */
  reason: unknown
  private listeners: readonly (() => void)[] = []
  private timer: Timer | undefined

  constructor(
    private readonly caller: AbortSignal | undefined,
    waitMs: number,
    private readonly clock: Clock,
  ) {
    if (caller) allowMany(caller)
    caller?.addEventListener('abort', this.onAbort, { once: true })
    if (waitMs > 0 && waitMs < Infinity) this.arm(clock.monotonic() + waitMs, waitMs)
  }

  addEventListener(_: 'abort', listener: () => void): void {
    this.listeners = [...this.listeners, listener]
  }

  removeEventListener(_: 'abort', listener: () => void): void {
    this.listeners = this.listeners.filter(each => each !== listener)
  }

  abort(reason: unknown): void {
    this.isAbandoned = true
    this.reason ??= reason
    this.end()
  }

  close(): void {
    this.timer?.cancel()
    this.caller?.removeEventListener('abort', this.onAbort)
    this.listeners = []
  }

  private readonly onAbort = (): void => this.abort(reasonOf(this.caller!))

  private arm(end: number, left = end - this.clock.monotonic()): void {
    if (left <= 0) this.end()
    else this.timer = this.clock.timer(Math.ceil(left), () => this.arm(end))
  }

  private end(): void {
    if (this.aborted) return
    this.aborted = true
    for (const listener of this.listeners) listener()
  }
}

/** One signal may well end many waits: Node's warning of a leak would be wrong. Of signals not its own it warns of none. */
function allowMany(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal)
  } catch {
    return
  }
}
