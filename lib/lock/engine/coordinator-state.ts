import type { TransactionResult } from '../../kv/transaction.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { Line } from './line.js'
import type { Intent, Sorted, Turn } from './turn.js'

/**
 * What a process wants of one lock, and what it has sent for it:
 *
 * - `idle`: nothing is wanted.
 * - `riding`: all that is wanted may wait for a while, for a release of this process that takes it along.
 * - `sent`: a transaction is under way. What comes meanwhile waits for its answer.
 * - `answered`: its answer has come. Those whom it concerns are told before what came meanwhile is sent.
 */
export type CoordinatorState<E extends Intent> = Idle | Riding<E> | Sent<E> | Answered<E>

interface Idle {
  readonly kind: 'idle'
}

interface Riding<E> {
  readonly kind: 'riding'
  readonly line: Line<E>
}

export interface Sent<E extends Intent> {
  readonly kind: 'sent'
  readonly turn: Turn<E>
  readonly line: Line<E>
  /** Those of the turn whose time was over before an answer came: nobody waits for what becomes of them. */
  readonly over: ReadonlySet<E>
}

interface Answered<E> {
  readonly kind: 'answered'
  readonly line: Line<E>
  /** Whether waiters are to be handed the lock though nobody leaves: more fit than the last transaction could take. */
  readonly handsOver: boolean
}

/** What a coordinator decides by, besides its state. */
export interface CoordinatorFacts<E extends Intent> {
  /** Whether this process waits in the queue of the lock. */
  readonly hasWaiters: boolean
  /** What of the line travels in one transaction now. @throws LockUnreadableError */
  nextTurn(line: readonly E[], handsOver: boolean): Sorted<E>
  /** Whether the first that waits may be handed the lock, as far as this shows. */
  hasSuccessor(after: Snapshot): boolean
}

/** What has happened. */
export type CoordinatorEvent<E extends Intent> =
  | { readonly kind: 'wanted'; readonly entry: E }
  /** What rides has waited for long enough. */
  | { readonly kind: 'ride-over' }
  /** The lock is free for waiters, and nobody has handed it to them. */
  | { readonly kind: 'freed' }
  /** Etcd has answered what was sent. */
  | { readonly kind: 'answer'; readonly result: TransactionResult }
  /** What was sent has failed: it was refused, or no answer came. */
  | { readonly kind: 'failure'; readonly error: unknown }
  /** Those whom an answer or a failure concerns have been told. */
  | { readonly kind: 'told' }
  /** The time of these is over. */
  | { readonly kind: 'late'; readonly entries: readonly E[] }

/** What is to be done next. */
export type CoordinatorEffect<E extends Intent> =
  | { readonly kind: 'none' }
  /** Begin a ride, unless one is under way: a short while, and then `ride-over`. */
  | { readonly kind: 'ride' }
  | Send<E>
  /** These are releases of holders that nothing shows: tell their callers to read. */
  | { readonly kind: 'unseen'; readonly unseen: readonly E[] }
  | Tell<E>
  | Fail<E>
  /** Tell these that no answer has come in their time. */
  | { readonly kind: 'give-up'; readonly entries: readonly E[] }

/** Send the turn. Then `answer` or `failure`. No ride is under way any more. */
export interface Send<E extends Intent> {
  readonly kind: 'send'
  readonly turn: Turn<E>
  /** As in the effect of that name. */
  readonly unseen: readonly E[]
}

/** Remember what is true now, and tell everybody whom the answer concerns, in the order of these fields. Then `told`. */
export interface Tell<E extends Intent> {
  readonly kind: 'tell'
  readonly turn: Turn<E>
  readonly result: TransactionResult
  /** What is true now. */
  readonly after: Snapshot
  /** The waiters that have been handed the lock. */
  readonly handedTo: readonly string[]
  /** Those of the turn that wait for its answer. */
  readonly members: readonly E[]
  /**
   * What the first that waits in this process learns, which tells it more than a watch would: that a waiter before it was handed the lock, or
   * that a holder has left without handing it to anybody.
   */
  readonly first: 'progress' | 'freed' | undefined
}

/** Forget what was seen of the lock, and tell these why their turn has failed. Then `told`. */
export interface Fail<E extends Intent> {
  readonly kind: 'fail'
  readonly entries: readonly E[]
  readonly error: unknown
  /** The lock was to be handed over, and nobody tries that again: the first that waits in this process has to look. */
  readonly isLeft?: boolean
}

export interface Next<E extends Intent> {
  readonly state: CoordinatorState<E>
  readonly effect: CoordinatorEffect<E>
}

/** Who waits for an answer: in the line, or for that to the turn under way. */
export function entriesOf<E extends Intent>(state: CoordinatorState<E>): readonly E[] {
  switch (state.kind) {
    case 'idle':
      return []
    case 'riding':
    case 'answered':
      return state.line.entries
    case 'sent':
      return [...membersOf(state), ...state.line.entries]
  }
}

/** Those of the turn that wait for its answer. */
export function membersOf<E extends Intent>({ turn: { taken }, over }: Sent<E>): readonly E[] {
  return over.size === 0 ? taken : taken.filter(each => !over.has(each))
}
