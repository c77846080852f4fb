import { eventRevision, type KeyEvent, type KeyValue } from '../kv/key-value.js'
import { byPlace, type Snapshot } from './snapshot.js'

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

/**
 * The snapshot without those holders and tickets that were gone already when `read` was true. One that had come again under its key by then
 * is shown as it was read: a set that has lost its tickets stands behind those that have come since.
 */
export function withoutGhosts(snapshot: Snapshot, read: Snapshot): Snapshot {
  if (snapshot.revision <= read.revision) return snapshot
  const holders = asRead(snapshot.holders, read.holders, read.revision)
  const tickets = read.isWhole ? asRead(snapshot.tickets, read.tickets, read.revision) : snapshot.tickets
  if (holders === snapshot.holders && tickets === snapshot.tickets) return snapshot
  return { ...snapshot, holders, tickets }
}

type Keys = ReadonlyMap<string, KeyValue>

/** Those that were read, as they were read, and those that have come since, each in its place. */
function asRead(keys: Keys, read: Keys, revision: bigint): Keys {
  const isRead = ([id, { modRevision }]: [string, KeyValue]): boolean =>
    modRevision > revision || read.get(id)?.modRevision === modRevision
  if ([...keys].every(isRead)) return keys
  const shown = [...keys].flatMap(([id, kv]): [string, KeyValue][] => {
    const now = kv.modRevision > revision ? kv : read.get(id)
    return now ? [[id, now]] : []
  })
  return new Map(shown.sort(([, a], [, b]) => byPlace(a, b)))
}
