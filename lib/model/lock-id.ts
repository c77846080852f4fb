const OURS = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
/** The characters of an id that all ids of a process have in common; those up to its slot; and where it begins to count. */
export const [PROCESS_LENGTH, SLOT_LENGTH, COUNT_AT] = [14, 23, 24]

/** Whether the entry under this id came with a holder key, so that without one it is dead, whatever a clock says. */
export function cameWithHolderKey(id: string): boolean {
  return OURS.test(id)
}

/** What the ids of the process that made this one begin with; undefined for an id that was made elsewhere. */
export function processOf(id: string): string | undefined {
  return OURS.test(id) ? id.slice(0, PROCESS_LENGTH) : undefined
}

/**
 * What the holder key and the ticket of an id end with: its process and a number, and not what makes it unique. So one key serves many
 * holdings, one after the other. The whole id for one that was made elsewhere. Markers and records end with the whole id.
 */
export function slotOf(id: string): string {
  // To match the whole of it would cost more, at each key that is made. No other id that is so long comes with keys.
  return id.length === 36 && id[PROCESS_LENGTH] === '8' ? id.slice(0, SLOT_LENGTH) : id
}

/** The part of an id by which ids of one process sort as they were made, until their count begins anew. */
export function orderOf(id: string): string {
  return slotOf(id) === id ? id : id.slice(COUNT_AT)
}
