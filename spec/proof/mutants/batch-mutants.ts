import type { Mutant } from './mutant.js'

/** Mistakes of sending several commits in one call. */
export const batchMutants: readonly Mutant[] = [
  {
    mistake: 'a call that has failed is repeated commit by commit, though it may have been applied',
    file: 'lib/store/etcd/batch/batcher.ts',
    right: '      if (isProvenRefusal(classified)) throw classified\n',
    wrong: '      throw classified\n',
    specs: ['spec/faults/batches'],
  },
  {
    mistake: 'the refusal of one commit is that of all that travel with it',
    file: 'lib/store/etcd/batch/batcher.ts',
    right: '      if (isProvenRefusal(classified)) throw classified\n',
    wrong: '',
    specs: ['spec/contracts/etcd-store'],
  },
  {
    mistake: 'a commit gets the answer of another that travels with it',
    file: 'lib/store/etcd/batch/batcher.ts',
    right: 'commit.succeed(results[at]!)',
    wrong: 'commit.succeed(results.at(-at)!)',
    specs: ['spec/contracts/etcd-store'],
  },
  {
    mistake: 'a commit is kept waiting beyond its own time, as long as its call',
    file: 'lib/store/etcd/batch/batcher.ts',
    right: '      if (mostMs - commit.leftAt(now) > SLACK_MS) commit.watchDeadline()\n',
    wrong: '',
    specs: ['spec/faults/batches'],
  },
  {
    mistake: 'commits that share a name travel in one call',
    file: 'lib/store/etcd/batch/commit-queue.ts',
    right: 'commit.scope.every(name => this.first[name] === commit)',
    wrong: 'commit.scope.length > 0',
    specs: ['spec/contracts/etcd-store'],
  },
  {
    mistake: 'a commit that shares two names overtakes one that waits for the other',
    file: 'lib/store/etcd/batch/commit-queue.ts',
    right: 'if (this.isFirst(next)) this',
    wrong: 'this',
    specs: ['spec/unit/store/commit-queue'],
  },
  {
    mistake: 'a member that hangs keeps all commits waiting for the end of one call',
    file: 'lib/store/etcd/batch/batcher.ts',
    right: 'setTimeout(() => this.onLate(call), LATE_MS)',
    wrong: 'setTimeout(() => {}, LATE_MS)',
    specs: ['spec/faults/batches'],
  },
  {
    mistake: 'a process that was busy takes an answer for late that is there',
    file: 'lib/store/etcd/batch/batcher.ts',
    right: 'setImmediate(() => this.stopAwaiting(call))',
    wrong: 'this.stopAwaiting(call)',
    specs: ['spec/unit/store/batcher'],
  },
  {
    mistake: 'what was given up while it waited behind another keeps its name for ever',
    file: 'lib/store/etcd/batch/commit-queue.ts',
    right: 'while (next?.isOver) next = line!.shift()\n',
    wrong: '',
    specs: ['spec/unit/store/commit-queue'],
  },
  {
    mistake: 'a user may in a crowd what is refused alone',
    file: 'lib/store/etcd/batch/rights.ts',
    right: 'commits.flatMap(({ asks }) => asks)',
    wrong: 'commits.flatMap(({ asks }) => asks).slice(0, 1)',
    specs: ['spec/faults/auth.spec'],
  },
  {
    mistake: 'the revision of a commit is the one that etcd leaves out of what is nested',
    file: 'lib/store/etcd/proto/transaction-response.ts',
    right: '  for (const result of results) result.revision = revision\n',
    wrong: '',
    specs: ['spec/contracts/etcd-store'],
  },
  {
    mistake: 'a record is written by two calls at once, since no scope tells of it',
    file: 'lib/protocol/scope.ts',
    right: 'for (const { key } of success) if (key.startsWith(records)) scope.push(key)\n    ',
    wrong: '',
    specs: ['spec/unit/protocol'],
  },
]
