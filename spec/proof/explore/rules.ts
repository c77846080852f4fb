import { decide, watchedBy } from '../../../lib/protocol/decide.js'
import { giveUp } from '../../../lib/protocol/give-up.js'
import { grant } from '../../../lib/protocol/grant.js'
import { release } from '../../../lib/protocol/release.js'
import { applyEvent, applyResult } from '../../../lib/protocol/snapshot.js'

/** What the clients go by, so that a run can show what becomes of them when one rule is broken. */
export interface Rules {
  readonly decide: typeof decide
  readonly watchedBy: typeof watchedBy
  readonly grant: typeof grant
  readonly giveUp: typeof giveUp
  readonly release: typeof release
  readonly applyResult: typeof applyResult
  readonly applyEvent: typeof applyEvent
  /** The truth is read after a watch stands. */
  readonly looksAfterWatch: boolean
  /** After a grant without an answer the truth is read before anything is sent again. */
  readonly looksAfterLoss: boolean
  /** The leases of a grant that may still come are revoked. */
  readonly revokesWhatMayCome: boolean
  /** What was granted on another lease than ours is not believed in. */
  readonly comparesLease: boolean
}

/** The real functions, and what `lib/lock` does with them. */
export const rules: Rules = {
  decide,
  watchedBy,
  grant,
  giveUp,
  release,
  applyResult,
  applyEvent,
  looksAfterWatch: true,
  looksAfterLoss: true,
  revokesWhatMayCome: true,
  comparesLease: true,
}
