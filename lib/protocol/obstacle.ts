import type { KeyRange, WatchedRange } from '../kv/key-value.js'
import type { Timestamp } from '../model/timestamp.js'
import { aheadOf, decide, type TargetState, watchedBy } from './decide.js'
import { idIn } from './lock-key.js'
import { inOrder, modRevisionOf, type Snapshot } from './snapshot.js'

/** What a request for several locks waits for first. While it stands, nothing else that changes lets the request in. */
export interface Obstacle {
  /** Which of its locks it concerns. */
  readonly at: number
  /** The waiter right before it in the queue of that lock; undefined when it is the first. */
  readonly ahead: string | undefined
}

/**
 * The obstacle at the lock where the request is farthest back: the others are likely to be gone when that is. Undefined when nothing
 * is in the way, as far as the snapshots tell.
 * @param targets with a ticket of the request in each queue.
 */
export function obstacleOf(targets: readonly TargetState[], now: Timestamp): Obstacle | undefined {
  let at: number | undefined
  let most = 0
  for (const [index, { snapshot, terms }] of targets.entries()) {
    const step = decide(snapshot, terms, now, targets.length)
    if (step.kind !== 'wait' || step.place <= most) continue
    at = index
    most = step.place
  }
  if (at === undefined) return undefined
  const { snapshot, terms } = targets[at]!
  return { at, ahead: aheadOf(snapshot.tickets, terms.uuid) }
}

/** Whether the obstacle is there yet, by a younger snapshot of its lock: the request needs to look at none of its locks then. */
export function stillStands({ ahead }: Obstacle, before: Snapshot, now: Snapshot): boolean {
  if (ahead !== undefined) {
    // A set that has lost its tickets comes again under its id, and stands behind the request then.
    const ticket = now.tickets.get(ahead)
    return ticket !== undefined && ticket.createRevision === before.tickets.get(ahead)?.createRevision
  }
  const isUnchanged = modRevisionOf(now) === modRevisionOf(before)
  return isUnchanged && [...before.holders.keys()].every(uuid => now.holders.has(uuid))
}

/** Whether the request has a ticket, and nobody is before it. */
export function isFirstIn({ tickets }: Snapshot, uuid: string): boolean {
  const [first] = tickets.keys()
  return first === uuid
}

/** The keys whose change may take the obstacle out of the way. */
export function watchedFor({ ahead }: Obstacle, { key }: Snapshot): KeyRange[] {
  return ahead === undefined ? [{ key: key.path }, key.holders] : [{ key: key.ticket(ahead) }]
}

/** Whose end may take the obstacle out of the way. */
export function standsBy({ ahead }: Obstacle, { holders }: Snapshot): string[] {
  return ahead === undefined ? [...holders.keys()] : [ahead]
}

/**
 * Of what a waiter has seen of a lock and what its process has seen, the younger, with the waiter's ticket in its place: what a process does
 * to a lock does not show it all tickets.
 */
export function younger(seen: Snapshot, cached: Snapshot, uuid: string): Snapshot {
  if (cached.revision <= seen.revision) return seen
  const ticket = seen.tickets.get(uuid)
  if (!ticket || cached.tickets.has(uuid) || cached.holders.has(uuid)) return cached
  const tickets = inOrder([...cached.tickets.values(), ticket])
  return { ...cached, tickets: new Map(tickets.map(kv => [idIn(kv), kv])) }
}

/** What a waiter watches, for one lock or several: besides being sent away from any of its queues. */
export function watchedByAll(targets: readonly TargetState[], now: Timestamp): WatchedRange[] {
  if (targets.length === 1) return watchedBy(targets[0]!.snapshot, targets[0]!.terms.uuid)
  const obstacle = obstacleOf(targets, now)
  const dismissals = targets.map(({ snapshot, terms }) => ({
    key: snapshot.key.forced(terms.uuid),
    putsOnly: true,
  }))
  return [...(obstacle ? watchedFor(obstacle, targets[obstacle.at]!.snapshot) : []), ...dismissals]
}
