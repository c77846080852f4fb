import type { Step } from '../../protocol/decide.js'
import { emptySnapshot, type Snapshot } from '../../protocol/snapshot.js'
import {
  type AttemptEvent,
  type AttemptFacts,
  type AttemptState,
  hasAllTickets,
  hasTickets,
  isOnOwnLeases,
  isSingle,
  type Next,
} from './attempt-state.js'
import { afterAdoption, afterRead, afterRevocation, readAgain, unsettled } from './recovery.js'

const BORROW = { kind: 'borrow' } as const
const FIND_MARKER = { kind: 'find-marker' } as const
const GIVE_UP = { kind: 'give-up' } as const
const HOLD = { kind: 'hold' } as const
const LEAVE_TICKET_LEASE = { kind: 'leave-ticket-lease' } as const
const LEFT = { kind: 'left' } as const
const MOVE_TICKETS = { kind: 'move-tickets' } as const
const RENEW = { kind: 'renew' } as const
const STOP = { kind: 'stop' } as const

/** @param snapshots what its process saw last of each lock. */
export function beginAttempt(uuid: string, mayWait: boolean, snapshots: readonly Snapshot[]): AttemptState {
  return {
    uuid,
    mayWait,
    goal: 'acquire',
    phase: 'guessing',
    // Whoever takes several looks at whole queues.
    snapshots:
      snapshots.length === 1
        ? snapshots
        : snapshots.map(seen => (seen.isWhole ? seen : emptySnapshot(seen.key))),
    isTicketInDoubt: false,
    isGrantedByUs: false,
  }
}

/** What an attempt does next, and what it knows then. Pure: what is not, the effect says. @throws LockUnreadableError */
export function next(state: AttemptState, event: AttemptEvent, facts: AttemptFacts): Next {
  switch (event.kind) {
    case 'go':
    case 'leave':
      return goOn(event.kind === 'leave' ? { ...state, goal: 'leave' } : state, facts)
    case 'read': {
      const seen = { ...state, snapshots: event.snapshots }
      return afterRead(seen, facts) ?? (isConfirmed(seen, facts) ? hold(seen) : goOn(informed(seen), facts))
    }
    case 'answered':
      return onAnswered(state, event, facts)
    case 'refused':
      // The tickets exist, so their lease does: it is one of the others that has expired.
      return { state: settled(state), effect: { kind: 'drop-leases', doubtsTicket: !hasTickets(state) } }
    case 'given-up':
      return goOn({ ...state, snapshots: event.snapshots }, facts)
    case 'unmarked':
      return facts.isStopped ? goOn(state, facts) : send(state, facts.decide(state.snapshots))
    case 'renewed':
      return event.areAlive ? readAgain({ ...state, phase: 'renewed' }) : unsettled(state)
    case 'adopted':
      return afterAdoption(state, event.isAlive, facts) ?? goOn(informed(state), facts)
    case 'revoked':
      return afterRevocation(state)
    case 'cleared':
      return readAgain(state)
    case 'moved':
      // A move that was not answered has come through, or the tickets are gone.
      return event.areMoved ? goOn(state, facts) : readAgain(state)
  }
}

/** What was sent, if anything was, is known not to have been applied. */
export function settled(state: AttemptState): AttemptState {
  if (state.phase !== 'sent') return state
  return { ...state, phase: hasTickets(state) ? 'informed' : 'guessing', isTicketInDoubt: false }
}

function informed(state: AttemptState): AttemptState {
  return { ...state, phase: 'informed', isTicketInDoubt: false }
}

function goOn(state: AttemptState, facts: AttemptFacts): Next {
  const { goal, phase } = state
  if (goal === 'acquire' && facts.isStopped) return { state, effect: STOP }
  switch (phase) {
    case 'sent':
    case 'unsettled':
    case 'renewed':
      return unsettled(state)
    case 'searching':
    case 'revoking':
    case 'clearing':
      return readAgain(state)
    case 'guessing':
    case 'informed':
      return goal === 'acquire' ? acquire(state, facts) : leave(state, facts)
  }
}

function acquire(state: AttemptState, facts: AttemptFacts): Next {
  const { mayWait, phase, snapshots } = state
  if (facts.isTicketRetired) return { state, effect: hasTickets(state) ? MOVE_TICKETS : LEAVE_TICKET_LEASE }
  if (!facts.hasLeases) return { state, effect: BORROW }
  const isGuess = phase === 'guessing'
  if (isGuess && isSingle(state)) return join(state)
  const step = facts.decide(snapshots)
  switch (step.kind) {
    case 'held':
      return confirm(state, facts)
    case 'lost':
      return unsettled(state)
    case 'wait':
      return { state, effect: step }
    case 'blocked':
      if (!isGuess && !mayWait) return leave({ ...state, goal: 'leave' }, facts)
      break
    case 'grant':
  }
  // It has no ticket though it was in the queue, or may have been: a release by force is to be told, and not to be undone.
  if (!isGuess && !hasAllTickets(state)) return { state, effect: FIND_MARKER }
  return send(state, step)
}

function send(state: AttemptState, step: Step): Next {
  const { snapshots } = state
  if (isSingle(state) && !hasTickets(state)) return join(state)
  if (step.kind === 'grant') return grant(state, snapshots)
  // Another process has deleted one of the tickets: leave all queues, and join them anew at one revision.
  if (hasTickets(state)) return { state, effect: GIVE_UP }
  return grant(
    state,
    snapshots.map(({ key }) => emptySnapshot(key)),
  )
}

function join(state: AttemptState): Next {
  return { state: sent(state), effect: { kind: 'join', from: state.snapshots[0]! } }
}

function grant(state: AttemptState, from: readonly Snapshot[]): Next {
  return { state: sent(state), effect: { kind: 'grant', from } }
}

/** A transaction is sent that may grant, and puts the tickets when there are none. */
function sent(state: AttemptState): AttemptState {
  return { ...state, phase: 'sent', isTicketInDoubt: !hasTickets(state) }
}

function onAnswered(
  before: AttemptState,
  { isGranted, snapshots }: AttemptEvent & { kind: 'answered' },
  facts: AttemptFacts,
): Next {
  const state = { ...informed(before), snapshots, isGrantedByUs: isGranted }
  return isTicketHidden(before, state) ? readAgain({ ...state, phase: 'searching' }) : goOn(state, facts)
}

/**
 * The beginning of the queue does not show a ticket that stands behind it:
 *
 *     those before it that were known are gone · others stand between · it tries a grant, which fails · their tickets are read
 *
 * To take it for gone would be to take another one, which nobody would delete when the lock is handed over meanwhile. Until it has looked,
 * it must not leave either, as if it had no ticket.
 */
function isTicketHidden(before: AttemptState, { isGrantedByUs, snapshots }: AttemptState): boolean {
  if (isGrantedByUs || !isSingle(before)) return false
  const [{ isWhole, tickets }] = snapshots as readonly [Snapshot]
  return !isWhole && hasTickets(before) && !tickets.has(before.uuid)
}

/** By the snapshots it is held: that counts when it is on its own leases, and these are alive and count from now. If not, it is lost. */
function confirm(state: AttemptState, facts: AttemptFacts): Next {
  if (!isOnOwnLeases(state, facts)) return unsettled(state)
  if (facts.areFresh) return hold(state)
  // A renewal that is not answered may take long, and another process may move the holding meanwhile: then the truth is read.
  return { state: { ...state, phase: 'unsettled' }, effect: RENEW }
}

/**
 * It was on its own leases after they were renewed. What it would otherwise believe:
 *
 *     a release grants · another process extends it, onto its own lease · this one renews the leases that it had · that lease ends
 *
 * Another process may have taken its lease before this one renewed, and move the holding after this one has read. So it renews that lease
 * once more when the holding is on it (`keepsPromise` of a transfer).
 */
function isConfirmed(state: AttemptState, facts: AttemptFacts): boolean {
  return state.phase === 'renewed' && facts.decide(state.snapshots).kind === 'held'
}

function hold(state: AttemptState): Next {
  return { state, effect: HOLD }
}

/**
 * Leaves the queues. It may find that it holds, since a release granted everything meanwhile:
 *
 *     the time is over · a release grants to the ticket · the waiter deletes the ticket, which is gone
 */
function leave(state: AttemptState, facts: AttemptFacts): Next {
  if (state.phase === 'guessing') return readAgain(state)
  if (hasTickets(state)) return { state, effect: GIVE_UP }
  switch (facts.decide(state.snapshots).kind) {
    case 'held':
      return confirm(state, facts)
    case 'lost':
      return unsettled(state)
    case 'grant':
    case 'blocked':
    case 'wait':
      return { state, effect: LEFT }
  }
}
