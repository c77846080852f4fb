import type { Mutant } from './mutant.js'

const coordinator = ['spec/unit/lock/coordinator']
const compose = ['spec/unit/protocol/compose']
const tickets = ['spec/unit/lock/ticket-leases']

/** Mistakes of what a process sends together, and of what its waiters are told. */
export const coordinatorMutants: readonly Mutant[] = [
  {
    mistake: 'a request that joins is granted the lock without comparing that nobody waits',
    file: 'lib/protocol/compose.ts',
    right: '(mayHandOver || granted.length > 0)',
    wrong: 'mayHandOver',
    specs: compose,
  },
  {
    mistake: 'a request that joins is granted the lock though it is known that others wait',
    file: 'lib/protocol/compose.ts',
    right: 'snapshot.tickets.size > 0 ? [] : admit(',
    wrong: 'successors.length > 0 ? [] : admit(',
    specs: compose,
  },
  {
    mistake: 'a ticket that was taken beside a hand-over is believed to be next',
    file: 'lib/protocol/compose.ts',
    right: '[...after.tickets].filter(([uuid]) => before.tickets.has(uuid))',
    wrong: '[...after.tickets]',
    specs: compose,
  },
  {
    mistake: 'a holder key tells of a ticket that never stood, and that is handed the lock',
    file: 'lib/protocol/queue.ts',
    right: '/^[1-9]\\d{0,18}$/',
    wrong: '/^\\d{1,19}$/',
    specs: ['spec/unit/protocol/queue'],
  },
  {
    mistake: 'a holder key tells of those behind a ticket that cannot be read',
    file: 'lib/protocol/queue.ts',
    right: 'if (!terms) break',
    wrong: 'if (!terms) continue',
    specs: ['spec/unit/protocol/queue'],
  },
  {
    mistake: 'tickets of one revision are read in any order, so that two wait for each other',
    file: 'lib/protocol/snapshot.ts',
    right: 'byId(inOrder(tickets), key.tickets.key)',
    wrong: 'byId([...tickets].sort((a, b) => Number(a.createRevision - b.createRevision)), key.tickets.key)',
    specs: ['spec/unit/protocol/queue'],
  },
  {
    mistake: 'the refusal of a transaction of several is taken for that of all',
    file: 'lib/lock/engine/coordinator.ts',
    right: 'if (!isProvenRefusal(error) || taken.length === 1)',
    wrong: 'if (!isProvenRefusal(error) || taken.length > 0)',
    specs: coordinator,
  },
  {
    mistake: 'the lost answer of a transaction of several is taken for a refusal',
    file: 'lib/lock/engine/coordinator.ts',
    right: 'if (!isProvenRefusal(error) || taken.length === 1)',
    wrong: 'if (taken.length === 1)',
    specs: coordinator,
  },
  {
    mistake: 'a ticket that waits for a ride which comes too late is kept back for ever',
    file: 'lib/lock/engine/coordinator.ts',
    right: '    this.ride?.cancel()\n    this.ride = undefined\n    if (this.isUnderWay) return\n',
    wrong: '    if (this.isUnderWay) return\n    this.ride?.cancel()\n    this.ride = undefined\n',
    specs: coordinator,
  },
  {
    mistake: 'a caller whose time is over is taken for a waiter when the answer comes',
    file: 'lib/lock/engine/coordinator.ts',
    right: 'if (!each.isOver) this.answer(',
    wrong: 'this.answer(',
    specs: coordinator,
  },
  {
    mistake: 'the first that waits of a process is not told that its process has left the lock',
    file: 'lib/lock/engine/coordinator.ts',
    right: 'first?.onFreed()',
    wrong: 'first?.onProgress()',
    specs: coordinator,
  },
  {
    mistake: 'a ticket that is found late is taken for the last of its process',
    file: 'lib/lock/engine/local-queue.ts',
    right: 'if (!beforeLast || compare(beforeLast, last) < 0) return',
    wrong: 'if (!beforeLast || beforeLast !== last) return',
    specs: ['spec/unit/lock/local-queue'],
  },
  {
    mistake: 'the first that waits of a process does not watch those before it',
    file: 'lib/lock/acquire/queue-watcher.ts',
    right: 'const isWatching = this.isOutOfPatience || this.watches.size > 0',
    wrong: 'const isWatching = this.watches.size > 0',
    specs: ['spec/unit/lock/acquire-attempt'],
  },
  {
    mistake: 'a waiter believes in a grant of its process whose end it has seen',
    file: 'lib/lock/acquire/queue-watcher.ts',
    right: 'if (!granted || granted.revision < seen) return undefined',
    wrong: 'if (!granted) return undefined',
    specs: ['spec/unit/lock/acquire-attempt'],
  },
  {
    mistake: 'a ticket that stands behind those that are read is taken for gone',
    file: 'lib/lock/acquire/acquire-attempt.ts',
    right: '      if (!succeeded) await this.lookForTicket(guesses)\n',
    wrong: '',
    specs: ['spec/unit/lock/acquire-attempt'],
  },
  {
    mistake: 'a release of a holder that its process does not see is taken for done',
    file: 'lib/lock/release/release.ts',
    right: "if (view.source === 'etcd') return 'nothing'",
    wrong: "if (view.source !== undefined) return 'nothing'",
    specs: ['spec/contracts/memory-lock'],
  },
  {
    mistake: 'what came after a grant, in the same news, is not heard',
    file: 'lib/lock/acquire/queue-watcher.ts',
    right: 'return held ? after(held, newer) :',
    wrong: 'return held ? held :',
    specs: ['spec/unit/lock/contended'],
  },
  {
    mistake: 'that etcd is full is taken for a proof that nothing was applied',
    file: 'lib/store/store-error.ts',
    right: "if (isStoreError(error, 'refused')) return !NO_SPACE.test(error.message)",
    wrong: "if (isStoreError(error, 'refused')) return NO_SPACE.source !== ''",
    specs: coordinator,
  },
  {
    mistake: 'the lease of a ticket whose put was lost is revoked while others have their tickets on it',
    file: 'lib/lock/leases/ticket-lease.ts',
    right:
      '    await atMost(this.clock, Math.min(within.timeoutMs ?? LEAVE_MS, LEAVE_MS), [this.emptied])\n    if (!this.isUnused)\n',
    wrong: '    if (this.isUnused && !this.isRetired)\n',
    specs: tickets,
  },
  {
    mistake: 'a ticket whose put was lost is left to come on the lease of the others',
    file: 'lib/lock/acquire/attempt-leases.ts',
    right: 'this.isTicketInDoubt && this.ticketLease?.revoke(this, within)',
    wrong: 'undefined',
    specs: tickets,
  },
  {
    mistake: 'the tickets on a lease that is going to end are not moved to another',
    file: 'lib/lock/acquire/acquire-attempt.ts',
    right: '      while (this.leases.isTicketRetired) await this.moveTickets()\n',
    wrong: '      if (this.leases.isTicketRetired) this.leases.leaveTicket()\n',
    specs: tickets,
  },
  {
    mistake: 'a ticket that moves late to another lease comes back',
    file: 'lib/protocol/move-tickets.ts',
    right: "[{ target: 'mod', key, is: '=', revision: modRevision }]",
    wrong: '[]',
    specs: ['spec/unit/protocol/move-tickets'],
  },
]
