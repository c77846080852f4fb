import { LockIds } from '../../model/lock-ids.js'
import { type Clock, systemClock } from '../../time/clock.js'

/** What a Lock takes from the machine that it runs on. A simulation gives each of its processes a machine of its own. */
export interface Host {
  readonly clock: Clock
  /** Makes the ids of holdings. */
  readonly ids: LockIds
}

export const systemHost: Host = { clock: systemClock, ids: new LockIds() }
