import type { GuardedWrite } from '../../../lib/protocol/guard.js'
import type { Held } from '../../../lib/lock/hold/held-lock.js'

/** Where holders write what only a holder may write. */
export const GUARDED = '/guarded/'

export function guardedWrite({ id, fencingToken }: Held, host: string): GuardedWrite {
  return { success: [{ type: 'put', key: `${GUARDED}${host}`, value: `${id} ${fencingToken}` }] }
}
