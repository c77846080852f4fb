import { v4 as uuid4 } from 'uuid'

const OURS = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/**
 * A new id for what this software takes: a UUID of version 8, which RFC 9562 leaves to applications. Its entry and its holder
 * key come into etcd in one transaction. Spicerack and people write entries alone, under ids of version 4 or of any text.
 */
export function newLockId(): string {
  const random = uuid4()
  return `${random.slice(0, 14)}8${random.slice(15)}`
}

/** Whether the entry under this id came with a holder key, so that without one it is dead, whatever a clock says. */
export function cameWithHolderKey(id: string): boolean {
  return OURS.test(id)
}
