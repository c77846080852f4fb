import { showsHolder } from '../../protocol/snapshot.js'
import { type AttemptFacts, type AttemptState, isValid, movedTo, type Next } from './attempt-state.js'

const READ = { kind: 'read' } as const
const CLEAR = { kind: 'clear' } as const

/**
 * What etcd has of the attempt is not known. A grant that was not answered may be applied when nobody reckons with it any more:
 *
 *     a grant is sent · no answer comes · the attempt gives up · etcd applies the grant, and nobody knows that it holds
 *
 * So etcd is read; and when the grant has left no trace, its leases are revoked before anything else is done, since etcd then refuses it
 * however late it comes.
 */
export function unsettled(state: AttemptState): Next {
  return { state: { ...state, phase: 'unsettled' }, effect: READ }
}

/** Whatever was not answered in this phase is begun anew from the truth. */
export function readAgain(state: AttemptState): Next {
  return { state, effect: READ }
}

/** What follows from a read. Undefined when it is known now what etcd has, so that the attempt goes on. */
export function afterRead(state: AttemptState, facts: AttemptFacts): Next | undefined {
  switch (state.phase) {
    case 'guessing':
    case 'informed':
    case 'searching':
      return undefined
    case 'sent':
    case 'unsettled':
    case 'renewed':
    case 'revoking': {
      const lease = movedTo(state, facts)
      if (lease === undefined || facts.leaseAt(0) === lease) return validated(state, facts)
      return { state, effect: { kind: 'adopt', lease } }
    }
    case 'clearing':
      return clear(state, facts)
  }
}

/** What follows when it was tried to take over the lease of another process. */
export function afterAdoption(state: AttemptState, isAlive: boolean, facts: AttemptFacts): Next | undefined {
  // A revocation does not concern the lease that it is on now.
  return validated(isAlive ? { ...state, phase: 'unsettled' } : state, facts)
}

/**
 * A grant that is seen does not count while a revocation of its leases is unanswered either: etcd may apply the revocation later, and
 * end what would be believed to be held.
 */
function validated(state: AttemptState, facts: AttemptFacts): Next | undefined {
  if (state.phase !== 'revoking' && isValid(state, facts)) return undefined
  // Tickets that are known to stand stay: they can be deleted.
  return {
    state: { ...state, phase: 'revoking' },
    effect: { kind: 'revoke', endsTicket: state.isTicketInDoubt },
  }
}

/** No lease is left on which anything of it could come. */
export function afterRevocation(state: AttemptState): Next {
  return { state: { ...state, phase: 'clearing', isTicketInDoubt: false }, effect: READ }
}

/** The entry of a grant whose lease is gone would block others, and the attempt itself, until its ttl is over. */
function clear(state: AttemptState, facts: AttemptFacts): Next | undefined {
  const { snapshots, uuid } = state
  if (movedTo(state, facts) !== undefined) return undefined
  return snapshots.some(snapshot => showsHolder(snapshot, uuid)) ? { state, effect: CLEAR } : undefined
}
