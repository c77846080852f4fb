import type { Put, Transaction } from '../../../lib/kv/transaction.js'
import type { Timestamp } from '../../../lib/model/timestamp.js'
import { next } from '../../../lib/lock/acquire/attempt.js'
import { next as coordinate } from '../../../lib/lock/engine/coordination.js'
import { nextTurn } from '../../../lib/lock/engine/turn.js'
import { combine } from '../../../lib/protocol/combine.js'
import { heldSnapshot } from '../../../lib/protocol/held-snapshot.js'
import { queueReads } from '../../../lib/protocol/queue.js'
import { decideAll } from '../../../lib/protocol/decide.js'
import { watchedByAll } from '../../../lib/protocol/obstacle.js'
import { giveUp } from '../../../lib/protocol/give-up.js'
import { grant } from '../../../lib/protocol/grant.js'
import { release } from '../../../lib/protocol/release.js'
import type { Request } from '../../../lib/protocol/request.js'
import { handOverSets } from '../../../lib/protocol/set-hand-over.js'
import { applyEvent, applyResult, type Snapshot } from '../../../lib/protocol/snapshot.js'

/** One lock of a request, and what its client takes for true of that. */
export interface Grantable {
  readonly snapshot: Snapshot
  readonly request: Request
}

/** What the clients and the administrator go by, so that a run can show what becomes of them when one rule is broken. */
export interface Rules {
  /** What an attempt does next. */
  readonly next: typeof next
  readonly decide: typeof decideAll
  readonly watchedBy: typeof watchedByAll
  /** The transaction of each lock. */
  readonly grant: (locks: readonly Grantable[], now: Timestamp) => readonly Transaction[]
  readonly giveUp: typeof giveUp
  readonly release: typeof release
  readonly handOverSets: typeof handOverSets
  /** What a coordinator does next. */
  readonly coordinate: typeof coordinate
  /** What a process sends next of what its clients want of one lock. */
  readonly nextTurn: typeof nextTurn
  readonly heldSnapshot: typeof heldSnapshot
  readonly combine: typeof combine
  readonly applyResult: typeof applyResult
  readonly applyEvent: typeof applyEvent
  /** What the administrator sends to take a holding or a place in the queue: what takes it, and what is written alongside. */
  readonly force: (taking: Transaction, marker: Put) => readonly [Transaction, Transaction?]
  /** The truth is read after a watch stands. */
  readonly looksAfterWatch: boolean
  /** After a forced release without an answer, a holding that is gone is taken to have gone by force. */
  readonly believesInLostAnswers: boolean
  /** A release of what the process does not see is over, without a read. */
  readonly believesInOldViews: boolean
  /** A set whose tickets travelled with a release that was not answered joins anew, as if nothing had been applied. */
  readonly ridersTrustSilence: boolean
  /** Of a process the first that waits watches those before it. */
  readonly firstWatches: boolean
}

/** The real functions, and what `lib/lock` does with them. */
export const rules: Rules = {
  next,
  decide: decideAll,
  watchedBy: watchedByAll,
  grant: (locks, now) => {
    const options = locks.length === 1 ? { reads: queueReads } : {}
    return locks.map(({ snapshot, request }) => grant(snapshot, request, now, options).transaction)
  },
  giveUp,
  release,
  handOverSets,
  coordinate,
  nextTurn,
  heldSnapshot,
  combine,
  applyResult,
  applyEvent,
  force: (taking, marker) => [taking, { compare: [], success: [marker], failure: [] }],
  looksAfterWatch: true,
  believesInLostAnswers: false,
  believesInOldViews: false,
  ridersTrustSilence: false,
  firstWatches: true,
}
