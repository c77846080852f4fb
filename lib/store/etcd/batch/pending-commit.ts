import { type Op, putIn, type Transaction, type TransactionResult } from '../../../kv/transaction.js'
import { StoreError } from '../../store-error.js'
import { mostBytesOf } from '../proto/transaction-request.js'
import type { Queued } from './commit-queue.js'

/** A commit that a caller waits for, until its own deadline, whatever becomes of the call that it travels in. */
export class PendingCommit implements Queued {
  readonly scope: readonly string[]
  readonly bytes: number
  readonly breadth: number
  readonly weight: number
  readonly answer: Promise<TransactionResult>
  isSent = false
  isOver = false
  private timer: NodeJS.Timeout | undefined
  private readonly deadline: number
  private resolve!: (result: TransactionResult) => void
  private reject!: (error: unknown) => void

  constructor(
    readonly transaction: Transaction,
    /** What a call that it travels in has to ask for. */
    readonly asks: readonly Op[],
    now: number,
    private readonly timeoutMs: number,
    /** Called once, when it is answered or given up. */
    private readonly onOver: (commit: PendingCommit) => void,
  ) {
    const { compare, success, failure, scope = [] } = transaction
    this.scope = scope.length > 1 ? [...new Set(scope)] : scope
    this.bytes = mostBytesOf(transaction)
    this.breadth = Math.max(compare.length, success.length, failure.length)
    this.weight = Math.max(1, asks.length)
    this.deadline = now + timeoutMs
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /** Whether it may put keys. */
  get writes(): boolean {
    return putIn(this.transaction) !== undefined
  }

  /** Milliseconds; none when its time is over. */
  leftAt(now: number): number {
    return Math.max(0, this.deadline - now)
  }

  /** From now on its time is watched; a call that has no more time than this commit does so itself. */
  watchDeadline(): void {
    if (!this.isOver) this.timer ??= setTimeout(() => this.expire(), this.leftAt(performance.now()))
  }

  /** Its time is over. Sent or not is for the caller the same: what etcd does is not known, or nothing. */
  expire(): void {
    const seconds = `${(this.timeoutMs / 1000).toFixed(1)} s`
    const problem = this.isSent
      ? `no answer within ${seconds}`
      : `not sent within ${seconds}, which the calls before it, or this process, have taken; nothing was applied`
    this.fail(new StoreError('unreachable', problem))
  }

  succeed(result: TransactionResult): void {
    if (this.end()) this.resolve(result)
  }

  fail(error: unknown): void {
    if (this.end()) this.reject(error)
  }

  private end(): boolean {
    if (this.isOver) return false
    this.isOver = true
    if (this.timer) clearTimeout(this.timer)
    this.onOver(this)
    return true
  }
}
