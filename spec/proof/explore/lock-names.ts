import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'

/** The locks that the clients may ask for. */
export type LockName = 'x' | 'y' | 'z'

const keys: Readonly<Record<LockName, LockKey>> = {
  x: new LockKey('custom', 'x'),
  y: new LockKey('custom', 'y'),
  z: new LockKey('custom', 'z'),
}
const nothing: ReadonlyMap<LockKey, Snapshot> = new Map(
  Object.values(keys).map(key => [key, emptySnapshot(key)]),
)

/** Always the same object for a name. */
export function keyOf(name: LockName): LockKey {
  return keys[name]
}

/** What a process that knows nothing takes for true; always the same object for a key. */
export function nothingOf(key: LockKey): Snapshot {
  return nothing.get(key)!
}

/** The leases of the process that moves holdings begin so. */
export const MOVED = 'm'
