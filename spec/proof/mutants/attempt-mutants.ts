import type { Mutant } from './mutant.js'

const explore = ['spec/proof/explore']
const unit = ['spec/unit/lock/attempt.spec']

/** In what an attempt decides about its own transactions, leases and tickets. */
export const attemptMutants: readonly Mutant[] = [
  {
    mistake: 'the lease of a ticket that may come yet is used again',
    file: 'lib/lock/acquire/attempt.ts',
    right: "phase: 'sent', isTicketInDoubt: !hasTickets(state)",
    wrong: "phase: 'sent', isTicketInDoubt: false",
    specs: explore,
  },
  {
    mistake: 'an attempt that lost its ticket asks for another, and does not look who has taken it',
    file: 'lib/lock/acquire/attempt.ts',
    right: '  if (!isGuess && !hasAllTickets(state)) return { state, effect: FIND_MARKER }\n',
    wrong: '',
    specs: explore,
  },
  {
    mistake: 'a lease that etcd refuses is named again and again',
    file: 'lib/lock/acquire/attempt.ts',
    right: 'doubtsTicket: !hasTickets(state)',
    wrong: 'doubtsTicket: false',
    specs: unit,
  },
  {
    mistake: 'a waiter that leaves does not see that it was handed the lock',
    file: 'lib/lock/acquire/attempt.ts',
    right:
      "    case 'held':\n      return confirm(state, facts)\n    case 'lost':\n      return unsettled(state)\n    case 'grant':\n",
    wrong: "    case 'lost':\n      return unsettled(state)\n    case 'held':\n    case 'grant':\n",
    specs: explore,
  },
  {
    mistake: 'a waiter whose time is over leaves its ticket behind',
    file: 'lib/lock/acquire/attempt.ts',
    right: '  if (hasTickets(state)) return { state, effect: GIVE_UP }\n  switch',
    wrong: '  switch',
    specs: unit,
  },
  {
    mistake: 'the entry of a grant whose lease was revoked is left',
    file: 'lib/lock/acquire/recovery.ts',
    right: '? { state, effect: CLEAR } : undefined',
    wrong: '? undefined : undefined',
    specs: unit,
  },
  {
    mistake: 'what another process has moved to its own lease is cleared away',
    file: 'lib/lock/acquire/recovery.ts',
    right: '  if (movedTo(state, facts) !== undefined) return undefined\n',
    wrong: '',
    specs: explore,
  },
  {
    mistake: 'a holding that another process has moved is never taken over',
    file: 'lib/lock/acquire/recovery.ts',
    right: 'if (lease === undefined || facts.leaseAt(0) === lease) return validated(state, facts)',
    wrong: 'if (lease !== facts.leaseAt(0)) return validated(state, facts)',
    specs: unit,
  },
  {
    mistake: 'the leases are used again of an attempt that leaves a ticket',
    file: 'lib/lock/acquire/attempt-state.ts',
    right: 'areClean: end !== undefined && !isTicketKnown',
    wrong: 'areClean: true',
    specs: unit,
  },
]
