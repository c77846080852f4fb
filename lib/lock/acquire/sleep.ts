import type { StopSignal } from '../../time/abort-signal.js'
import type { Clock } from '../../time/clock.js'

/** The sleeps of one waiter, until its wait is stopped. */
export class Sleep {
  private wake: () => void = () => {}
  private stop: () => void = () => {}
  /** Resolves at the end of the wait. */
  private stopped: Promise<void> | undefined

  constructor(
    private readonly clock: Clock,
    private readonly signal: StopSignal,
  ) {}

  /** Ends after so many milliseconds, one at least; when it is ended; or when the wait is stopped. */
  atMost(ms: number): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    void this.listen()
    return new Promise(resolve => {
      const timer = this.clock.timer(Math.max(ms, 1), () => this.wake())
      this.wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  end(): void {
    this.wake()
  }

  /** Ends when this is done; when it is ended; or when the wait is stopped. Resolves to whether it is done. @throws what it throws */
  until(done: Promise<unknown>): Promise<boolean> {
    // Not a race with the end of the wait itself, which would keep each of these until then: that ends this, too.
    void this.listen()
    const ended = new Promise<void>(resolve => (this.wake = resolve))
    if (this.signal.aborted) this.wake()
    return Promise.race([done.then(() => true), ended.then(() => false)])
  }

  close(): void {
    this.signal.removeEventListener('abort', this.onAbort)
    this.onAbort()
  }

  private readonly onAbort = (): void => {
    this.stop()
    this.wake()
  }

  /** Made by the first sleep: most locks are granted without a wait. */
  private listen(): Promise<void> {
    return (this.stopped ??= new Promise(resolve => {
      this.stop = resolve
      this.signal.addEventListener('abort', this.onAbort)
      if (this.signal.aborted) resolve()
    }))
  }
}
