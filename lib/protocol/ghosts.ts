import { eventRevision, type KeyEvent, type KeyValue } from '../kv/key-value.js'
import type { Snapshot } from './snapshot.js'

/*
 * What a process composes from a snapshot is of the revision of etcd's answer, while the holders and tickets that were not compared are as
 * old as that snapshot: some may have been gone at its revision.
 */

/** Whether the snapshot still shows a holder or a ticket which this event has deleted, though it seems to be younger. */
export function isOfGhost({ key, holders, tickets }: Snapshot, event: KeyEvent): boolean {
  if (event.type !== 'delete' || event.key === key.path) return false
  for (const kv of (event.key.startsWith(key.holders.key) ? holders : tickets).values())
    if (kv.key === event.key) return kv.modRevision < eventRevision(event)
  return false
}

/** The snapshot without those holders and tickets that were gone already when `read` was true. */
export function withoutGhosts(snapshot: Snapshot, read: Snapshot): Snapshot {
  const { revision } = read
  if (snapshot.revision <= revision) return snapshot
  const holders = shownBy(read.holders, snapshot.holders, revision)
  const tickets = read.isWhole ? shownBy(read.tickets, snapshot.tickets, revision) : snapshot.tickets
  if (holders === snapshot.holders && tickets === snapshot.tickets) return snapshot
  return { ...snapshot, holders, tickets }
}

type Keys = ReadonlyMap<string, KeyValue>

/** Those that are shown, or have come since. */
function shownBy(shown: Keys, keys: Keys, revision: bigint): Keys {
  const stands = ([id, { modRevision }]: [string, KeyValue]): boolean =>
    modRevision > revision || shown.has(id)
  const all = [...keys]
  return all.every(stands) ? keys : new Map(all.filter(stands))
}
