import type { LockService } from '../../lock/api/lock-service.js'

/** Tells all who listen, again and again, that the server is there, and whether etcd answers it: one question for all. */
export class EtcdHeartbeat {
  private readonly listeners = new Set<(isEtcdThere: boolean) => void>()
  private beating: NodeJS.Timeout | undefined
  private isAsking = false

  constructor(
    private readonly locks: LockService,
    private readonly ms: number,
  ) {}

  /** Until what is returned is called. */
  listen(listener: (isEtcdThere: boolean) => void): () => void {
    this.listeners.add(listener)
    this.beating ??= setInterval(() => void this.beat(), this.ms)
    return () => {
      this.listeners.delete(listener)
      if (this.listeners.size > 0) return
      clearInterval(this.beating)
      this.beating = undefined
    }
  }

  private async beat(): Promise<void> {
    // While etcd has not answered the last question, it is not asked again.
    const isEtcdThere = !this.isAsking && (await this.ask())
    for (const listener of this.listeners) listener(isEtcdThere)
  }

  /** An answer that takes longer than a beat comes too late. */
  private async ask(): Promise<boolean> {
    this.isAsking = true
    const answer = this.locks.ping().then(
      () => true,
      () => false,
    )
    void answer.then(() => (this.isAsking = false))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>(resolve => (timer = setTimeout(resolve, this.ms / 2, false)))
    return Promise.race([answer, late]).finally(() => clearTimeout(timer))
  }
}
