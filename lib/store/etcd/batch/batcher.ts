import type { Transaction, TransactionResult } from '../../../kv/transaction.js'
import type { CallOptions } from '../../store.js'
import { isOutOfSpace, isProvenRefusal, StoreError } from '../../store-error.js'
import { classify } from '../classify.js'
import type { MemberCallOptions } from '../connection.js'
import { encodeBatch, encodeTransaction } from '../proto/transaction-request.js'
import { decodeBatch, decodeTransaction } from '../proto/transaction-response.js'
import { type Call, CommitQueue } from './commit-queue.js'
import { PendingCommit } from './pending-commit.js'
import type { Rights } from './rights.js'

/** Sends a `TxnRequest`; resolves to the `TxnResponse`. One attempt. @throws StoreError */
export type Send = (request: Buffer, options: MemberCallOptions) => Promise<Buffer>

/** How much longer than its own time, in milliseconds, a commit may wait for a call: so much longer, a timer costs more. */
const SLACK_MS = 10
/** A commit with less time has no use for a doubt: another member would answer too late. The others need no timer that runs as fast. */
const LEAST_DOUBT_MS = 300
/** A call that takes longer, in milliseconds, keeps nobody waiting any more: its member may hang. */
const LATE_MS = 20
/**
 * Turns of the event loop in which those that were told together go on: some at once, some in their next turn. They would go in two
 * calls from then on, each of which waits for the other.
 */
const GATHERING_TURNS = 2
/** How long etcd counts as full after it has said so, milliseconds. */
const FULL_MS = 5_000
/** What etcd says to a call that is beyond the limits with which it was started. */
const TOO_MUCH = /too many operations|request is too large|larger than max/

/**
 * Sends commits to etcd, those that come at about the same time in one call: to make a call costs Node more than to make the
 * transactions in it, and etcd writes its log once for all of them. Which go together is decided by {@link CommitQueue}.
 */
export class Batcher {
  private readonly queue = new CommitQueue<PendingCommit>()
  /** When the first was committed of those that leave next, if a call may; undefined when none was. */
  private plannedAt: number | undefined
  /** Those whose time nobody watches yet. */
  private fresh: PendingCommit[] = []
  /** How many went together last. */
  private lastCount = 0
  /** Until then each commit goes by itself: a full etcd refuses a call in which one writes, and takes deletes. */
  private fullUntil = 0
  private readonly leave = (): void => this.gather(this.lastCount > 1 ? GATHERING_TURNS : 0)
  private readonly onOver = (commit: PendingCommit): void => {
    this.queue.remove(commit)
    this.plan()
  }

  constructor(
    private readonly send: Send,
    private readonly longestMs: number,
    private readonly rights: Rights,
  ) {}

  /** One attempt. @throws StoreError */
  commit(transaction: Transaction, options: CallOptions = {}): Promise<TransactionResult> {
    if (transaction.scope === undefined) return this.sendPlain(transaction, options)
    const timeoutMs = Math.max(0, Math.min(options.timeoutMs ?? Infinity, this.longestMs))
    const asks = this.rights.of(transaction)
    const commit = new PendingCommit(transaction, asks, this.plan(), timeoutMs, this.onOver)
    this.fresh.push(commit)
    this.queue.add(commit)
    return commit.answer
  }

  /**
   * When all that is ready to run has run, so that what is committed in one go travels together, and before any I/O; where several have
   * travelled together, somewhat later.
   * @returns when it was planned: the time of all that is committed until then counts from there.
   */
  private plan(): number {
    if (this.plannedAt === undefined) {
      this.plannedAt = performance.now()
      process.nextTick(this.leave)
    }
    return this.plannedAt
  }

  private gather(turns: number): void {
    if (turns === 0 || this.queue.hasMany) this.sendReady()
    else setImmediate(() => this.gather(turns - 1))
  }

  private sendReady(): void {
    this.plannedAt = undefined
    for (let call = this.queue.next(); call; call = this.queue.next()) void this.run(call)
    for (const commit of this.fresh) if (!commit.isSent) commit.watchDeadline()
    this.fresh = []
  }

  private async run(call: Call<PendingCommit>): Promise<void> {
    const now = performance.now()
    for (const commit of call) if (commit.leftAt(now) === 0) commit.expire()
    const commits = call.filter(({ isOver }) => !isOver)
    this.lastCount = commits.length
    const lateTimer = setTimeout(() => this.onLate(call), LATE_MS)
    try {
      if (commits.length === 1 || now < this.fullUntil)
        await Promise.all(commits.map(commit => this.alone(commit)))
      else if (commits.length > 1) await this.together(commits, now)
    } catch (error) {
      const { message } = error as StoreError
      if (TOO_MUCH.test(message))
        this.queue.shrink(call, message.includes('too many operations') ? 'operations' : 'bytes')
      // etcd has looked at all of them before it applied any. Only one may be at fault: by itself, each gets its own answer.
      await Promise.all(commits.map(commit => this.alone(commit)))
    } finally {
      clearTimeout(lateTimer)
      this.stopAwaiting(call)
    }
  }

  /** Where this process was busy, the answer may be here and not read yet: the I/O that is ready comes first. */
  private onLate(call: Call<PendingCommit>): void {
    setImmediate(() => this.stopAwaiting(call))
  }

  private stopAwaiting(call: Call<PendingCommit>): void {
    this.queue.stopAwaiting(call)
    this.plan()
  }

  /** @throws StoreError when etcd has refused, and so applied nothing; of what else goes wrong, all are told. */
  private async together(commits: readonly PendingCommit[], now: number): Promise<void> {
    const left = commits.map(commit => commit.leftAt(now))
    const mostMs = Math.max(...left)
    const doubtMs = Math.max(LEAST_DOUBT_MS, Math.min(...left))
    const request = encodeBatch(
      commits.map(({ transaction }) => transaction),
      this.rights.together(commits),
    )
    for (const commit of commits) {
      commit.isSent = true
      if (mostMs - commit.leftAt(now) > SLACK_MS) commit.watchDeadline()
    }
    try {
      const results = decodeBatch(await this.send(request, { timeoutMs: mostMs, doubtMs }), commits.length)
      commits.forEach((commit, at) => commit.succeed(results[at]!))
    } catch (error) {
      const classified = classify(error)
      if (isProvenRefusal(classified)) throw classified
      this.noteFullness(classified)
      const ofCompany = isOutOfSpace(classified) ? asUnanswered(classified) : classified
      for (const commit of commits) commit.fail(commit.writes ? classified : ofCompany)
    }
  }

  private async alone(commit: PendingCommit): Promise<void> {
    if (commit.isOver) return
    commit.isSent = true
    try {
      commit.succeed(
        await this.sendPlain(commit.transaction, { timeoutMs: commit.leftAt(performance.now()) }),
      )
    } catch (error) {
      commit.fail(error)
    }
  }

  /** @throws StoreError */
  private async sendPlain(transaction: Transaction, options: CallOptions): Promise<TransactionResult> {
    const request = encodeTransaction(transaction)
    try {
      return decodeTransaction(await this.send(request, options))
    } catch (error) {
      const classified = classify(error)
      this.noteFullness(classified)
      throw classified
    }
  }

  private noteFullness(error: StoreError): void {
    if (isOutOfSpace(error)) this.fullUntil = performance.now() + FULL_MS
  }
}

/** What writes nothing is refused only for its company, and may have been applied: its caller finds out, and tries again. */
function asUnanswered(error: StoreError): StoreError {
  return new StoreError('unreachable', error.message, { cause: error })
}
