import type { StopSignal } from '../../time/abort-signal.js'
import type { Clock } from '../../time/clock.js'

/** The sleeps of one waiter, until its wait is stopped. */
export class Sleep {
  /** Ends the sleep under way. */
  private wake: (() => void) | undefined
  /** Made by the first sleep: most locks are granted without a wait. */
  private onAbort: (() => void) | undefined

  constructor(
    private readonly clock: Clock,
    private readonly signal: StopSignal,
  ) {}

  /** Ends after so many milliseconds, one at least; when it is ended; or when the wait is stopped. */
  atMost(ms: number): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    this.listen()
    return new Promise(resolve => {
      const timer = this.clock.timer(Math.max(ms, 1), () => this.end())
      this.wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  end(): void {
    this.wake?.()
  }

  /** Ends when this is done, or as {@link atMost} does. Resolves to whether it is done. @throws what it throws */
  async until(done: Promise<unknown>, ms: number): Promise<boolean> {
    // Not a race with the end of the wait itself, which would keep each of these until then: that ends this, too.
    const ended = this.atMost(ms)
    try {
      return await Promise.race([done.then(() => true), ended.then(() => false)])
    } finally {
      this.end()
    }
  }

  close(): void {
    if (!this.onAbort) return
    this.signal.removeEventListener('abort', this.onAbort)
    this.end()
  }

  private listen(): void {
    if (this.onAbort) return
    this.onAbort = () => this.end()
    this.signal.addEventListener('abort', this.onAbort)
  }
}
