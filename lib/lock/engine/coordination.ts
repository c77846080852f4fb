import type { KeyValue } from '../../kv/key-value.js'
import type { TransactionResult } from '../../kv/transaction.js'
import { applyComposition, ticketAt } from '../../protocol/compose.js'
import { isProvenRefusal } from '../../store/store-error.js'
import {
  type CoordinatorEvent,
  type CoordinatorFacts,
  type CoordinatorState,
  membersOf,
  type Next,
  type Sent,
  type Tell,
} from './coordinator-state.js'
import { Line } from './line.js'
import { type Intent, MOST_JOINS, type Turn } from './turn.js'

export const IDLE = { kind: 'idle' } as const
const NONE = { kind: 'none' } as const
const RIDE = { kind: 'ride' } as const
const NOBODY: ReadonlySet<never> = new Set()

/**
 * What a coordinator does next, and what it knows then. Pure: what is not, the effect says. A failure to compose what is wanted fails
 * everybody in the line.
 */
export function next<E extends Intent>(
  state: CoordinatorState<E>,
  event: CoordinatorEvent<E>,
  facts: CoordinatorFacts<E>,
): Next<E> {
  switch (event.kind) {
    case 'wanted':
      return onWanted(state, event.entry, facts)
    case 'ride-over':
      return state.kind === 'riding' ? send(state.line, false, facts) : { state, effect: NONE }
    case 'freed':
      return onFreed(state, facts)
    case 'answer':
      return state.kind === 'sent' ? onAnswer(state, event.result, facts) : { state, effect: NONE }
    case 'failure':
      return state.kind === 'sent' ? onFailure(state, event.error) : { state, effect: NONE }
    case 'told':
      return state.kind === 'answered' ? goOn(state, facts) : { state, effect: NONE }
    case 'late':
      return { state: without(state, event.entries), effect: { kind: 'give-up', entries: event.entries } }
  }
}

function onWanted<E extends Intent>(
  state: CoordinatorState<E>,
  entry: E,
  facts: CoordinatorFacts<E>,
): Next<E> {
  switch (state.kind) {
    case 'idle':
      return goOn({ line: Line.of([entry]), handsOver: false }, facts)
    case 'riding':
      return goOn({ line: state.line.with(entry), handsOver: false }, facts)
    case 'answered':
      return { state: { ...state, line: state.line.with(entry) }, effect: NONE }
    case 'sent': {
      const { turn, line, over } = state
      return { state: { kind: 'sent', turn, line: line.with(entry), over }, effect: NONE }
    }
  }
}

/** One transaction hands it to many; each by itself would take one. What is under way may do so, too, or is to be waited for. */
function onFreed<E extends Intent>(state: CoordinatorState<E>, facts: CoordinatorFacts<E>): Next<E> {
  if (state.kind === 'idle') return send(Line.of([]), true, facts)
  return state.kind === 'riding' ? send(state.line, true, facts) : { state, effect: NONE }
}

/** Sends what is in the line, unless all of it may ride. */
function goOn<E extends Intent>(
  { line, handsOver }: { readonly line: Line<E>; readonly handsOver: boolean },
  facts: CoordinatorFacts<E>,
): Next<E> {
  if (line.length === 0 && !handsOver) return { state: IDLE, effect: NONE }
  if (handsOver || isUrgent(line, facts)) return send(line, handsOver, facts)
  return { state: { kind: 'riding', line }, effect: RIDE }
}

/** A new ticket would stand behind those that wait in this process: that may ride, and nothing else. */
function isUrgent<E extends Intent>(line: Line<E>, { hasWaiters }: CoordinatorFacts<E>): boolean {
  if (!hasWaiters || line.length >= MOST_JOINS) return true
  return line.entries.some(
    each => each.isAlone || each.kind === 'release' || each.join.request.ticketLease === undefined,
  )
}

function send<E extends Intent>(line: Line<E>, handsOver: boolean, facts: CoordinatorFacts<E>): Next<E> {
  const { entries } = line
  try {
    const { turn, unseen, left } = facts.nextTurn(entries, handsOver)
    // What is not unseen is taken, or stands behind what is.
    if (!turn) return { state: IDLE, effect: { kind: 'unseen', unseen } }
    return {
      state: { kind: 'sent', turn, line: Line.of(left), over: NOBODY },
      effect: { kind: 'send', turn, unseen },
    }
  } catch (error) {
    return { state: IDLE, effect: { kind: 'fail', entries, error } }
  }
}

function onAnswer<E extends Intent>(
  state: Sent<E>,
  result: TransactionResult,
  facts: CoordinatorFacts<E>,
): Next<E> {
  const { turn, line } = state
  const { released, successors } = turn.composition
  const after = applyComposition(turn.before, turn.composition, result)
  const handedTo = result.succeeded ? successors : []
  const isFreed = result.succeeded && released.length > 0
  const first = handedTo.length > 0 ? 'progress' : isFreed ? 'freed' : undefined
  return {
    state: {
      kind: 'answered',
      line,
      handsOver: mayHandOverMore(turn, result.succeeded) && facts.hasSuccessor(after),
    },
    effect: { kind: 'tell', turn, result, after, handedTo, members: membersOf(state), first },
  }
}

/**
 * Whether it is worth looking for more to hand the lock to. Of many that fit, a transaction takes some. When it fails, whoever leaves tries
 * again, and hands the lock over; where nobody leaves, nobody else does.
 */
function mayHandOverMore<E extends Intent>({ composition, taken }: Turn<E>, succeeded: boolean): boolean {
  return composition.successors.length > 0 && (succeeded || taken.every(({ kind }) => kind === 'join'))
}

/**
 * Etcd has said that it applied nothing: the fault is that of one, and each is sent again alone, where it hands the lock to nobody. When no
 * answer came, all of it may have been applied, or may be yet: each finds out for itself.
 */
function onFailure<E extends Intent>(state: Sent<E>, error: unknown): Next<E> {
  const { turn, line } = state
  const members = membersOf(state)
  const isLeft = isHandOverOnly(turn)
  if (!isProvenRefusal(error) || isFaultOfOne(turn))
    return {
      state: { kind: 'answered', line, handsOver: false },
      effect: { kind: 'fail', entries: members, error, isLeft },
    }
  const again = members.map(each => ({ ...each, isAlone: true }))
  return {
    state: { kind: 'answered', line: Line.of([...again, ...line.entries]), handsOver: false },
    effect: { kind: 'fail', entries: [], error, isLeft },
  }
}

/** It hands the lock over, and nobody leaves who would try again. */
function isHandOverOnly<E extends Intent>({ composition, taken }: Turn<E>): boolean {
  return composition.successors.length > 0 && taken.every(({ kind }) => kind === 'join')
}

/** Whether the refusal is that of the one that is taken. A release knows that it may be the fault of those to whom it hands the lock. */
function isFaultOfOne<E extends Intent>({ composition, taken }: Turn<E>): boolean {
  const [first] = taken
  if (!first) return true
  return taken.length === 1 && (first.kind === 'release' || composition.successors.length === 0)
}

/** The others go on. */
function without<E extends Intent>(state: CoordinatorState<E>, entries: readonly E[]): CoordinatorState<E> {
  if (state.kind === 'idle') return state
  const late = new Set(entries)
  const line = Line.of(state.line.entries.filter(each => !late.has(each)))
  switch (state.kind) {
    case 'riding':
      return line.length > 0 ? { kind: 'riding', line } : IDLE
    case 'answered':
      return { ...state, line }
    case 'sent': {
      const { turn } = state
      const over = turn.taken.filter(each => late.has(each))
      return { kind: 'sent', turn, line, over: new Set([...state.over, ...over]) }
    }
  }
}

/** The ticket that a member of the turn has by this answer; undefined for one that was granted the lock, or does not wait. */
export function ticketOf<E extends Intent>(
  { kind, uuid }: E,
  { turn: { before, composition }, result: { succeeded, revision } }: Tell<E>,
): KeyValue | undefined {
  if (kind === 'release' || (succeeded && composition.granted.includes(uuid))) return undefined
  return ticketAt(before.key.ticket(uuid), composition, revision)
}
