import type { EtcdOptions } from './options.js'

/** How long new contact waits for a name server, before it goes to the endpoints that were known last. */
const LOOK_UP_MS = 1_000

/** The endpoints that may be used, and in which order; looked up anew after one has failed, where they may have changed. */
export class Endpoints {
  private list: readonly string[]
  /** Index of the one that is tried first. */
  private first = 0
  private isExpired = false
  private lookingUp: Promise<void> | undefined

  constructor(private readonly options: Pick<EtcdOptions, 'endpoints' | 'failover' | 'lookUp'>) {
    this.list = this.usable(options.endpoints)
  }

  get all(): readonly string[] {
    return this.list
  }

  /** Whether one has failed since they were looked up. */
  get areExpired(): boolean {
    return this.isExpired && this.options.lookUp !== undefined
  }

  /** All of them; `last` comes last. */
  inOrder(last?: string): string[] {
    const first = last === undefined ? this.first : this.list.indexOf(last) + 1
    return this.list.map((_, at) => this.list[(first + at) % this.list.length]!)
  }

  /** One has failed: those after it come first. */
  passOver(failed: string): void {
    this.first = (this.list.indexOf(failed) + 1) % this.list.length
    this.expire()
  }

  /** None has answered, or one has failed: the members may have changed since. */
  expire(): void {
    this.isExpired = true
  }

  /** Looks them up, and waits for a second at most: an answer that comes later is for the next contact. */
  async refresh(): Promise<void> {
    this.lookingUp ??= this.lookUp().finally(() => (this.lookingUp = undefined))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, LOOK_UP_MS)
    })
    await Promise.race([this.lookingUp, late])
    clearTimeout(timer)
    this.isExpired = false
  }

  private async lookUp(): Promise<void> {
    const found = this.usable(await this.options.lookUp!())
    if (found.join() === this.list.join()) return
    this.list = found
    this.first = 0
  }

  private usable(endpoints: readonly string[]): readonly string[] {
    return this.options.failover ? endpoints : endpoints.slice(0, 1)
  }
}
