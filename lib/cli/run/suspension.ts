import { setTimeout as delay } from 'node:timers/promises'
import type { HeldLocks } from '../../lock/api/index.js'
import type { Child } from './child.js'
import { onSignal } from './signals.js'

/** Those that stop a process. */
const STOPPING = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const
/** How long a command has to prepare for being stopped, to leave its terminal in order for example. */
const PREPARE_MS = 100
/** How long etcd has to say whether the lock is held; after that the clock alone decides. */
const ASK_MS = 1_000

/** Lets a child run only while this process runs and, after a stop, only when the lock is still held. */
export class Suspension {
  /** To be set in the tick in which it is started: no signal is lost before that. */
  child: Child | undefined
  private readonly offs: readonly (() => void)[]
  private timer: NodeJS.Timeout | undefined
  /** Number of the last signal. Work that an older signal has begun ends when a newer one comes. */
  private turn = 0
  private isStopped = false

  constructor(private readonly held: HeldLocks) {
    this.offs = [onSignal(this.onStop, STOPPING), onSignal(() => void this.onContinue(), ['SIGCONT'])]
  }

  /** After the end of the child. The processes that it has left behind in its group must not stay stopped. */
  close(): void {
    this.turn++
    clearTimeout(this.timer)
    if (this.isStopped) this.wake()
    for (const off of this.offs) off()
  }

  private readonly onStop = (): void => {
    this.turn++
    clearTimeout(this.timer)
    this.child?.forward('SIGTSTP')
    this.timer = setTimeout(() => {
      // SIGSTOP, since SIGTSTP does not stop a process group that has no terminal.
      this.stop()
      process.kill(process.pid, 'SIGSTOP')
    }, PREPARE_MS)
  }

  /**
   * SIGCONT also comes without SIGTSTP before it: from systemd after each SIGTERM, or after a SIGSTOP, which cannot be
   * caught.
   */
  private async onContinue(): Promise<void> {
    const turn = ++this.turn
    clearTimeout(this.timer)
    // A terminal sends SIGCONT to the child as well.
    this.stop()
    await Promise.race([this.held.verify().catch(() => {}), delay(ASK_MS, undefined, { ref: false })])
    // If the lock is lost, the handle reports it here at the latest: the child gets the signal to end before SIGCONT.
    this.held.remaining()
    if (turn === this.turn) this.wake()
  }

  private stop(): void {
    this.isStopped = true
    this.child?.signal('SIGSTOP')
  }

  private wake(): void {
    this.isStopped = false
    this.child?.signal('SIGCONT')
  }
}
