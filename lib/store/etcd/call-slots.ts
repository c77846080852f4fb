import { LONGEST_TIMEOUT_MS } from '../../time/clock.js'
import type { CallOptions } from '../store.js'
import { StoreError } from '../store-error.js'

/** A call that waits for its turn. */
interface Turn {
  readonly begin: () => void
  /** Its time has passed meanwhile. */
  isOver: boolean
}

/**
 * Lets so many calls be under way at a time; the others begin in the order in which they came. Of thousands that leave at once, etcd would
 * answer the last ones after their deadlines: these are given up with their connection, sent again, and keep each other from coming
 * through.
 */
export class CallSlots {
  private underWay = 0
  private readonly line: Turn[] = []

  constructor(private readonly most: number) {}

  /**
   * The wait for its turn counts to the time that the caller gives, and not to the time that any call may take.
   * @param call is given what is left of the caller's time.
   * @throws StoreError `unreachable`, with nothing sent, when its turn does not come in that time; what `call` throws.
   */
  async run<T>(
    call: (options: CallOptions) => Promise<T>,
    { timeoutMs = Infinity }: CallOptions = {},
  ): Promise<T> {
    const end = performance.now() + timeoutMs
    if (this.underWay < this.most) this.underWay++
    else await this.turn(timeoutMs)
    try {
      return await call({ timeoutMs: end - performance.now() })
    } finally {
      this.passOn()
    }
  }

  private turn(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        turn.isOver = true
        const problem = `not sent within ${(ms / 1000).toFixed(1)} s, which the calls before it have taken`
        reject(new StoreError('unreachable', problem))
      }
      const timer = ms > LONGEST_TIMEOUT_MS ? undefined : setTimeout(giveUp, Math.max(0, ms))
      const begin = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const turn: Turn = { begin, isOver: false }
      this.line.push(turn)
    })
  }

  private passOn(): void {
    let next = this.line.shift()
    while (next?.isOver) next = this.line.shift()
    if (next) next.begin()
    else this.underWay--
  }
}
