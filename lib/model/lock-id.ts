import { v4 as uuid4 } from 'uuid'

const OURS = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
/** The characters of an id that all ids of a process have in common, and those after them that count. */
const PROCESS_LENGTH = 14
const COUNTED = 4_096

/**
 * Makes ids for what this software takes: UUIDs of version 8, which RFC 9562 leaves to applications. Their entries and their holder
 * keys come into etcd in one transaction. Spicerack and people write entries alone, under ids of version 4 or of any text.
 *
 * All ids of a process begin alike, so that the keys of its requests are one range; then they count, so that the keys of those
 * that come together are in their order. 62 random bits follow: nobody can guess the id of another's holding.
 */
export function lockIds(random: () => string = uuid4): () => string {
  const common = random().slice(0, PROCESS_LENGTH)
  let count = 0
  return () => {
    count = (count + 1) % COUNTED
    return `${common}8${count.toString(16).padStart(3, '0')}${random().slice(18)}`
  }
}

/** A new id of this process. */
export const newLockId = lockIds()

/** Whether the entry under this id came with a holder key, so that without one it is dead, whatever a clock says. */
export function cameWithHolderKey(id: string): boolean {
  return OURS.test(id)
}

/** What the ids of the process that made this one begin with; undefined for an id that was made elsewhere. */
export function processOf(id: string): string | undefined {
  return OURS.test(id) ? id.slice(0, PROCESS_LENGTH) : undefined
}
