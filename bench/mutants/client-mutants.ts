import type { Mutant } from './mutant.js'

const everyStep = ['spec/faults/every-step']

/** Mistakes of clients: answers that are lost, time, watches. */
export const clientMutants: readonly Mutant[] = [
  {
    mistake: 'deadline counted from the answer of the grant',
    file: 'lib/lock/lease-pool.ts',
    right: '    const sent = sentNow(this.clock)\n    const granted = await this.leases.grant(ttl)\n',
    wrong: '    const granted = await this.leases.grant(ttl)\n    const sent = sentNow(this.clock)\n',
    specs: ['spec/unit/lock/lease'],
  },
  {
    mistake: 'deadline counted from the answer of the renewal',
    file: 'lib/lock/lease-pool.ts',
    right: '    const sent = sentNow(this.clock)\n    const ttl = await this.leases.renew(lease.id)\n',
    wrong: '    const ttl = await this.leases.renew(lease.id)\n    const sent = sentNow(this.clock)\n',
    specs: ['spec/unit/lock/lease'],
  },
  {
    mistake: 'a machine that slept counts its sleep for nothing',
    file: 'lib/lock/lease.ts',
    right: 'Math.max(monotonic, wall)',
    wrong: 'Math.min(monotonic, wall)',
    specs: ['spec/unit/lock/lease'],
  },
  {
    mistake: 'assertHeld trusts a timer that could not run',
    file: 'lib/lock/tenure.ts',
    right: '    if (!this.isOver && this.remaining === 0) this.runOut()\n',
    wrong: '',
    specs: ['spec/faults/pauses'],
  },
  {
    mistake: 'the holder does not see that its key is deleted',
    file: 'lib/lock/tenure.ts',
    right: 'if (!kv) void this.onGone()',
    wrong: 'if (!kv) return',
    specs: ['spec/contracts/memory-handle'],
  },
  {
    mistake: 'a grant without an answer is sent again blindly',
    file: 'lib/lock/claim.ts',
    right: "      if (isStoreError(error, 'unreachable')) throw error\n",
    wrong: "      this.isUnsettled = false\n      if (isStoreError(error, 'unreachable')) throw error\n",
    specs: everyStep,
  },
  {
    mistake: 'a grant that may still come is forgotten',
    file: 'lib/lock/claim.ts',
    right: '      await Promise.all(this.leases.map(lease => this.engine.pool.revoke(lease)))\n',
    wrong: '',
    specs: everyStep,
  },
  {
    mistake: 'one who was granted while giving up keeps the lock, unknown to anybody',
    file: 'lib/lock/acquire.ts',
    right: '    await release(engine, claim.key, claim.asked.uuid, { budgetMs: LEAVE_MS }).catch(() => {})\n',
    wrong: '',
    specs: everyStep,
  },
  {
    mistake: 'what was handed over on a lease that is given up is believed in',
    file: 'lib/lock/claim.ts',
    right: 'return this.snapshot.holders.get(this.asked.uuid)?.lease === this.holderLease?.id',
    wrong: 'return true',
    specs: ['spec/faults/races'],
  },
  {
    mistake: 'watch from now without a read: what happened before it stands is missed',
    file: 'lib/lock/waiting.ts',
    right: '      this.wake()\n      return this.read(snapshot)\n',
    wrong: '      this.wake()\n      return snapshot\n',
    specs: ['spec/faults/races'],
  },
  {
    mistake: 'one failed renewal is taken for the loss of the lease',
    file: 'lib/lock/lease-keeper.ts',
    right: 'else if (isAlive === undefined && !this.lease.isOver)',
    wrong: 'else if (isAlive === null && !this.lease.isOver)',
    specs: ['spec/faults/pauses'],
  },
  {
    mistake: 'a watch goes on from now after a cut',
    file: 'lib/store/etcd/watch.ts',
    right: '...(this.next !== undefined && { start_revision: String(this.next) }),',
    wrong: '',
    specs: ['spec/faults/events', 'spec/faults/watches'],
  },
  {
    mistake: 'nobody is told that a compaction has swallowed events',
    file: 'lib/store/etcd/watch.ts',
    right: '    this.listener.onGap()\n',
    wrong: '',
    specs: ['spec/faults/events', 'spec/faults/watches'],
  },
  {
    mistake: 'the package retries transactions by itself',
    file: 'lib/store/etcd/connection.ts',
    right: '      faultHandling: { host: () => noop, global: noop },\n',
    wrong: '',
    specs: ['spec/faults/network'],
  },
]
