import { setTimeout as delay } from 'node:timers/promises'
import type { HeldLocks } from '../../lock/api/index.js'
import type { LockLostError } from '../../model/errors.js'
import type { Child } from './child.js'
import { say } from '../io/output.js'
import type { OnLost } from '../usage/run.js'

/** How often to look whether what a child has left behind has ended. */
const LOOK_MS = 20

/** Ends a child whose lock is lost, or about to be. */
export class LossGuard {
  /** Whether it has ended the child. */
  hasStruck = false
  private killTimer: NodeJS.Timeout | undefined

  constructor(
    private readonly child: Child,
    private readonly held: HeldLocks,
    private readonly policy: OnLost,
    private readonly killAfterMs: number,
  ) {
    held.on('expiring', this.onExpiring)
    held.signal.addEventListener('abort', this.onAbort)
  }

  /** Whether the child ran on without its lock, or was ended for it. Checks the clocks: a timer may be late. */
  get isLost(): boolean {
    this.held.remaining()
    return this.hasStruck || this.held.signal.aborted
  }

  /**
   * After the end of the child. If the guard has ended it, the processes that it has left behind get their time to end.
   */
  async close(): Promise<void> {
    // Checks the clocks, and reports a loss for which no timer has run yet.
    this.held.remaining()
    const end = performance.now() + this.killAfterMs
    while (this.hasStruck && performance.now() < end && this.child.isAlive) await delay(LOOK_MS)
    if (this.hasStruck) this.strike('SIGKILL')
    clearTimeout(this.killTimer)
    this.held.off('expiring', this.onExpiring)
    this.held.signal.removeEventListener('abort', this.onAbort)
  }

  private readonly onExpiring = (): void => {
    // The signal comes before the message: writing to stderr may block on a full pipe, or stop this process on a
    // terminal.
    const signal = this.policy === 'term' ? 'SIGTERM' : 'SIGKILL'
    if (this.policy !== 'warn') this.strike(signal)
    const names = this.held.names.map(name => `"${name}"`).join(', ')
    const consequence =
      this.policy === 'warn' ? '' : `: ${signal} was sent to the command, which may not go on without it`
    say(`the lock ${names} ends in ${this.held.remaining().toFixed(1)} s${consequence}`)
  }

  private readonly onAbort = (): void => {
    if (this.policy === 'kill' || this.hasStruck) this.strike('SIGKILL')
    else if (this.policy === 'term') {
      this.strike('SIGTERM')
      this.killTimer = setTimeout(() => this.strike('SIGKILL'), this.killAfterMs)
    }
    say((this.held.signal.reason as LockLostError).message)
  }

  private strike(signal: NodeJS.Signals): void {
    this.hasStruck = true
    this.child.signal(signal)
    // A stopped process receives SIGTERM when it continues, before it does anything else.
    this.child.signal('SIGCONT')
  }
}
