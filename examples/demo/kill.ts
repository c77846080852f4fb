import { EXCLUSIVE } from './resource.js'
import { TTL } from './worker.js'
import type { WorkerProcess } from './worker-process.js'

/** Kills one worker while it holds the exclusive lock, and sees whether the lock comes back. */
export class Kill {
  private killedAt: number | undefined
  private isBack = false

  constructor(
    private readonly victim: string,
    private readonly note: (line: string) => void,
  ) {}

  /** Told who has come in under the exclusive lock. True when that worker was killed there. */
  strikes(worker: WorkerProcess, isTime: boolean): boolean {
    const now = performance.now()
    if (this.killedAt === undefined) {
      if (!isTime || worker.name !== this.victim) return false
      this.killedAt = now
      worker.kill()
      const ends = `when its lease (${TTL} s) ends`
      this.note(`${this.victim} was killed while holding ${EXCLUSIVE.name}; the lock comes back ${ends}`)
      return true
    }
    if (!this.isBack) {
      const seconds = ((now - this.killedAt) / 1000).toFixed(1)
      this.note(`${worker.name} got ${EXCLUSIVE.name} ${seconds} s after the kill`)
    }
    this.isBack = true
    return false
  }

  /** What is missing at the end of the run, in words. */
  get failure(): string | undefined {
    if (this.killedAt === undefined) return `${this.victim} was not killed; give it more --seconds`
    return this.isBack ? undefined : `nobody got ${EXCLUSIVE.name} after ${this.victim} was killed`
  }
}
