import type { KeyValue, LeaseId } from '../../kv/key-value.js'
import type { LossReason } from '../../model/errors.js'
import type { ForceReleaseMarker } from '../../protocol/force.js'
import type { Lease } from '../leases/lease.js'

/** What the monitor of a holding knows of it. */
export type MonitorState = Held | Expiring | Doubted | Gone | Over

interface Known {
  /** The lease that the holding is on. */
  readonly lease: Lease
  /** Mod revision of the newest known holder key; the watch may report older ones. */
  readonly revision: bigint
  /** The leases of extensions that were sent and not answered, in that order: the holding may be on any of them. */
  readonly pending: readonly Lease[]
}

interface Held extends Known {
  readonly kind: 'held'
}

/** Held, but not for long: the holder was told. */
interface Expiring extends Known {
  readonly kind: 'expiring'
}

/**
 * etcd has ended the lease. The holding may be on another by now, since an extension by its id revokes the lease that it
 * leaves: etcd is asked.
 */
interface Doubted extends Known {
  readonly kind: 'doubted'
}

/** The holder key was deleted: nothing is held. etcd is asked why. */
interface Gone extends Known {
  readonly kind: 'gone'
}

/** Lost, or given up by the holder. */
interface Over {
  readonly kind: 'over'
}

export type MonitorEvent =
  /** The timer has fired. */
  | { readonly type: 'tick'; readonly isNear: boolean }
  /** The deadline has passed, by the clocks. */
  | { readonly type: 'ran-out' }
  /** Its holder asks whether it still holds, and cannot wait for an answer of etcd. */
  | { readonly type: 'asked' }
  /** The deadline is not near any more. */
  | { readonly type: 'recovered' }
  /** An extension to this lease is sent. */
  | { readonly type: 'moving'; readonly lease: Lease }
  /** The holding is not on this lease, and never will be. */
  | { readonly type: 'not-moving'; readonly lease: Lease }
  /** The holding got this lease at this revision. */
  | { readonly type: 'moved'; readonly lease: Lease; readonly revision: bigint }
  /** etcd refuses to renew the lease, because it has ended. */
  | { readonly type: 'lease-ended'; readonly lease: Lease; readonly isPastDeadline: boolean }
  /** The answer to `locate`: undefined when there is no such key, or no answer. */
  | { readonly type: 'located'; readonly lease: Lease; readonly kv: KeyValue | undefined }
  /** The holder key as it is, or was a while ago: undefined when it was deleted. */
  | { readonly type: 'seen'; readonly kv: KeyValue | undefined }
  /** The answer to `explain`. */
  | {
      readonly type: 'explained'
      readonly marker: ForceReleaseMarker | undefined
      readonly lease: 'alive' | 'ended' | 'past-deadline'
    }
  /** The handle has found it: a guarded write was refused, or its Lock was closed. */
  | { readonly type: 'lost'; readonly cause: LossCause }
  /** The holder gives it up. */
  | { readonly type: 'ended' }

export type LossCause =
  | { readonly kind: 'expired' }
  | { readonly kind: 'lease-ended' }
  /** etcd has not said in time why the holder key is gone. */
  | { readonly kind: 'key-gone' }
  | { readonly kind: 'released'; readonly marker: ForceReleaseMarker | undefined }
  | {
      readonly kind: 'found'
      readonly reason: LossReason
      readonly detail: string
      readonly currentToken: bigint | undefined
    }

/** What the monitor is to do. */
export type MonitorEffect =
  /** Look at the clocks again when the deadline comes near, or comes. */
  | { readonly type: 'schedule' }
  /** Watch the holder key, unless it is watched. */
  | { readonly type: 'watch' }
  | { readonly type: 'tell-expiring' }
  /** The holding is on this lease now. */
  | { readonly type: 'follow'; readonly lease: Lease }
  /** Ask etcd on which lease the holder key is. */
  | { readonly type: 'locate'; readonly lease: Lease }
  /** Ask etcd why the holder key is gone. */
  | { readonly type: 'explain'; readonly lease: Lease }
  /** Learn about the lease that the holding was moved to at this revision. */
  | { readonly type: 'adopt'; readonly id: LeaseId; readonly revision: bigint }
  /** Stop, and tell the holder. `leases` are those on which the holding may be, the last that is known first. */
  | { readonly type: 'lose'; readonly cause: LossCause; readonly leases: readonly [Lease, ...Lease[]] }
  /** Stop: the holder releases it, and it may be on any of these leases besides. */
  | { readonly type: 'give-up'; readonly pending: readonly Lease[] }

export interface Transition {
  readonly state: MonitorState
  readonly effects: readonly MonitorEffect[]
}

/** The state of a holding that was granted on this lease at this revision. */
export function begin(lease: Lease, revision: bigint): Transition {
  return to({ kind: 'held', lease, revision, pending: NONE }, { type: 'follow', lease }, SCHEDULE)
}

/** Decides what follows from an event. Does nothing, and reads no clock. */
export function next(state: MonitorState, event: MonitorEvent): Transition {
  if (state.kind === 'over') return to(state)
  switch (event.type) {
    case 'tick':
      return onTick(state, event.isNear)
    case 'ran-out':
      return onRanOut(state)
    case 'asked':
      return state.kind === 'gone' ? lose(state, { kind: 'key-gone' }) : to(state)
    case 'recovered':
      return to(state.kind === 'expiring' ? { ...state, kind: 'held' } : state)
    case 'moving':
      return withPending(state, [...state.pending, event.lease])
    case 'not-moving':
      return withPending(
        state,
        state.pending.filter(each => each !== event.lease),
      )
    case 'moved':
      return onMoved(state, event)
    case 'lease-ended':
      return onLeaseEnded(state, event)
    case 'located':
      return onLocated(state, event)
    case 'seen':
      return onSeen(state, event.kv)
    case 'explained':
      return onExplained(state, event)
    case 'lost':
      return lose(state, event.cause)
    case 'ended':
      return to(OVER, { type: 'give-up', pending: state.pending })
  }
}

type Alive = Exclude<MonitorState, Over>
type Of<T extends MonitorEvent['type']> = Extract<MonitorEvent, { readonly type: T }>

const OVER: Over = { kind: 'over' }
const NONE: readonly Lease[] = []
const SCHEDULE: MonitorEffect = { type: 'schedule' }

function to(state: MonitorState, ...effects: MonitorEffect[]): Transition {
  return { state, effects }
}

function lose({ lease, pending }: Alive, cause: LossCause): Transition {
  return to(OVER, { type: 'lose', cause, leases: [lease, ...pending] })
}

function onTick(state: Alive, isNear: boolean): Transition {
  switch (state.kind) {
    // etcd was asked, and has not answered in time.
    case 'doubted':
      return onRanOut(state)
    case 'gone':
      return lose(state, { kind: 'key-gone' })
    case 'held':
      if (isNear) {
        return to({ ...state, kind: 'expiring' }, { type: 'watch' }, { type: 'tell-expiring' }, SCHEDULE)
      }
      return to(state, { type: 'watch' }, SCHEDULE)
    case 'expiring':
      return to(state, { type: 'watch' }, SCHEDULE)
  }
}

function onRanOut(state: Alive): Transition {
  switch (state.kind) {
    case 'doubted':
      return lose(state, { kind: 'lease-ended' })
    case 'gone':
    case 'held':
    case 'expiring':
      return lose(state, { kind: 'expired' })
  }
}

/** A pending lease may end before the one that the holding is on: the first end counts until the answer comes. */
function withPending(state: Alive, pending: readonly Lease[]): Transition {
  const isScheduled = state.kind === 'held' || state.kind === 'expiring'
  return to({ ...state, pending }, ...(isScheduled ? [SCHEDULE] : []))
}

/**
 * The watch and the answer of an extension tell of the same move in any order, and the watch tells of older ones late:
 *
 *     extension to A is answered · extension to B is answered · the watch tells of A
 *
 * To go back to A, which B has revoked, would lose what is held: the greater revision counts.
 */
function onMoved(state: Alive, { lease, revision }: Of<'moved'>): Transition {
  // Extensions that were sent before this one can not be applied any more.
  const pending = state.pending.slice(state.pending.indexOf(lease) + 1)
  if (state.kind === 'gone' || revision <= state.revision) return to({ ...state, pending })
  const kind = state.kind === 'expiring' ? 'expiring' : 'held'
  return to({ kind, lease, revision, pending }, { type: 'follow', lease }, SCHEDULE)
}

function onLeaseEnded(state: Alive, { lease, isPastDeadline }: Of<'lease-ended'>): Transition {
  if (state.lease !== lease || state.kind === 'doubted' || state.kind === 'gone') return to(state)
  if (isPastDeadline) return lose(state, { kind: 'expired' })
  return to({ ...state, kind: 'doubted' }, { type: 'locate', lease })
}

/** The holding may have moved while etcd was asked: then the answer is about a lease that it has left. */
function onLocated(state: Alive, { lease, kv }: Of<'located'>): Transition {
  if (state.kind !== 'doubted' || state.lease !== lease) return to(state)
  if (!kv || kv.lease === lease.id) return lose(state, { kind: 'lease-ended' })
  return follow(state, kv)
}

function onSeen(state: Alive, kv: KeyValue | undefined): Transition {
  if (state.kind === 'gone') return to(state)
  if (!kv) return to({ ...state, kind: 'gone' }, { type: 'explain', lease: state.lease })
  return kv.modRevision > state.revision ? follow(state, kv) : to(state)
}

/** The holding was extended: by its id elsewhere, or by an extension of its handle whose answer was lost. */
function follow(state: Alive, { lease: id, modRevision: revision }: KeyValue): Transition {
  if (id === undefined || id === state.lease.id) return to(state)
  const own = state.pending.find(each => each.id === id)
  return own
    ? onMoved(state, { type: 'moved', lease: own, revision })
    : to(state, { type: 'adopt', id, revision })
}

function onExplained(state: Alive, { marker, lease }: Of<'explained'>): Transition {
  if (state.kind !== 'gone') return to(state)
  if (marker || lease === 'alive') return lose(state, { kind: 'released', marker })
  return lose(state, { kind: lease === 'ended' ? 'lease-ended' : 'expired' })
}
