import { onSignal } from './signals.js'

/** How long `run` may take to release its lock once its command has ended: as long as the library promises. */
const LIMIT_MS = 5_000
/** The same after a signal to end, whose sender waits for this process. */
const SIGNALLED_MS = 900
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** Bounds the time that this process spends on the release when etcd hangs. */
export class Ending {
  private start: number | undefined
  private limitMs = LIMIT_MS
  private timer: NodeJS.Timeout | undefined
  private setOver: () => void = () => {}
  private readonly over = new Promise<void>(resolve => (this.setOver = resolve))
  private readonly off = onSignal(() => {
    this.limitMs = SIGNALLED_MS
    this.arm()
  }, SIGNALS)

  /** Waits for a step of the release. The time runs from the first call on; resolves to undefined when it is over. */
  within<T>(work: Promise<T>): Promise<T | undefined> {
    this.start ??= performance.now()
    this.arm()
    return Promise.race([work, this.over.then(() => undefined)])
  }

  close(): void {
    this.off()
    clearTimeout(this.timer)
  }

  private arm(): void {
    if (this.start === undefined) return
    clearTimeout(this.timer)
    this.timer = setTimeout(this.setOver, this.start + this.limitMs - performance.now())
  }
}
