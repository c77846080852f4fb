import { eventKey, eventRevision, type KeyEvent, type KeyValue, type LeaseId } from '../kv/key-value.js'
import { withJson } from '../model/printed.js'
import { type ForceReleaseMarker, parseMarker } from './force.js'
import { idIn, LockKey, type ParsedKey } from './lock-key.js'
import { parseTerms } from './terms.js'

/** What happened to a lock. */
export interface LockEvent {
  /** `ended`: the holding, or the place in the queue, of this id is gone, and nothing tells why. */
  readonly type: 'queued' | 'gave-up' | 'granted' | 'released' | 'expired' | 'forced' | 'ended'
  readonly prefix: string
  readonly name: string
  readonly id: string
  /** Undefined when the key was not written by this software. */
  readonly owner: string | undefined
  /**
   * The revision of etcd at which it happened; that of `granted` is the fencing token. What one transaction has done has one
   * revision. What has `ended` did so at this revision or later.
   */
  readonly revision: bigint
  /** Of `forced`: by whom the holding, or the place in the queue, was taken, and why. */
  readonly by?: string
  readonly reason?: string
}

/** The holder keys, tickets and markers that exist, by their paths: when one is deleted, it says whose it was. */
export type LiveKeys = Map<string, KeyValue>

/**
 * What the changes of one revision mean. Brings `liveKeys` up to them.
 * @param changes in the order in which etcd made them, unless `liveLeases` is given.
 * @param liveLeases the leases of {@link leasesInQuestion} that have not ended since.
 */
export function lockEventsOf(
  changes: readonly KeyEvent[],
  liveKeys: LiveKeys,
  liveLeases?: ReadonlySet<LeaseId>,
): LockEvent[] {
  const known = new Map(changes.flatMap((change, order) => entryOf(change, order, liveKeys)))
  for (const { path, kind, now } of known.values()) {
    if (now && kind !== 'keyLocks') liveKeys.set(path, now)
    else liveKeys.delete(path)
  }
  const events = [...known.values()].flatMap(change => eventOf(change, known, liveLeases))
  return events.sort((a, b) => rankOf(a) - rankOf(b))
}

/**
 * One transaction may end holdings, grant the lock to others and let further ones queue. Watches of several ranges tell of
 * it in any order; a reader is told in this one.
 */
function rankOf({ type }: LockEvent): number {
  if (type === 'queued') return 2
  return type === 'granted' ? 1 : 0
}

/**
 * The leases of sole holders whose holder key and KeyLocks are deleted at once: where the order of the changes is not known,
 * only such a lease tells a release from its own end.
 */
export function leasesInQuestion(changes: readonly KeyEvent[], liveKeys: LiveKeys): LeaseId[] {
  const gone = new Set(changes.flatMap(change => (change.type === 'delete' ? [change.key] : [])))
  return [...gone].flatMap(path => {
    const parsed = LockKey.parse(path)
    const isSole = parsed?.kind === 'holder' && gone.has(parsed.key.path)
    return (isSole && liveKeys.get(path)?.lease) || []
  })
}

/** An event of the lock and the id to which the holder key or ticket `kv` belongs. */
export function lockEventOf(
  type: LockEvent['type'],
  kv: Pick<KeyValue, 'key' | 'value'>,
  revision: bigint,
  marker?: ForceReleaseMarker,
): LockEvent {
  const { prefix, name } = LockKey.parse(kv.key)!.key
  const owner = parseTerms(kv.value)?.owner
  return withJson({ type, prefix, name, id: idIn(kv), owner, revision, ...marker })
}

/** The change of one key. */
interface Change extends Omit<ParsedKey, 'ending'> {
  /** Whose it is; of one that nobody knew and that is gone, what its key ends with. */
  readonly uuid: string
  readonly path: string
  readonly revision: bigint
  /** Its place among the changes of this revision. */
  readonly order: number
  /** Undefined when the key was not there. */
  readonly before: KeyValue | undefined
  /** Undefined when the key was deleted. */
  readonly now: KeyValue | undefined
}

/** By their paths: all changes of a revision. */
type Changes = ReadonlyMap<string, Change>

/** Empty for a key that is none of ours. */
function entryOf(event: KeyEvent, order: number, liveKeys: LiveKeys): [path: string, Change][] {
  const path = eventKey(event)
  const parsed = LockKey.parse(path)
  if (!parsed) return []
  const { kind, key, ending } = parsed
  const before = liveKeys.get(path)
  const now = event.type === 'put' ? event.kv : undefined
  const known = now ?? before
  const uuid = known ? idIn(known) : ending
  return [[path, { kind, key, uuid, path, revision: eventRevision(event), order, before, now }]]
}

function eventOf(change: Change, changes: Changes, liveLeases?: ReadonlySet<LeaseId>): LockEvent[] {
  const type = typeOf(change, changes, liveLeases)
  if (!type) return []
  const { key, uuid, path, revision, before, now } = change
  const marker = type === 'forced' ? parseMarker(changes.get(key.forced(uuid))!.now!.value) : undefined
  return [lockEventOf(type, { key: path, value: (now ?? before)?.value ?? '' }, revision, marker)]
}

/** Undefined when the change is no event: it belongs to the event of another key, or to none. */
function typeOf(
  change: Change,
  changes: Changes,
  liveLeases?: ReadonlySet<LeaseId>,
): LockEvent['type'] | undefined {
  const { kind, key, uuid, before, now } = change
  if (kind === 'keyLocks' || kind === 'marker') return undefined
  if (before && now) return undefined
  if (now) return kind === 'holder' ? 'granted' : 'queued'
  if (changes.get(key.forced(uuid))?.now) return 'forced'
  if (kind === 'holder') return typeOfEnd(change, changes.get(key.path), liveLeases)
  const isGranted = changes.get(key.holder(uuid))?.now !== undefined
  return isGranted ? undefined : 'gave-up'
}

/**
 * Why a holder key is gone. The end of a lease changes no KeyLocks but that of a sole holder, which hangs on it. etcd deletes
 * the keys of a lease in ascending order; a release deletes them in descending order, so that the two can be told apart.
 */
function typeOfEnd(
  holder: Change,
  keyLocks: Change | undefined,
  liveLeases: ReadonlySet<LeaseId> | undefined,
): 'released' | 'expired' | 'ended' {
  if (!keyLocks) return 'expired'
  if (keyLocks.now) return 'released'
  if (liveLeases) return liveLeases.has(holder.before?.lease ?? '') ? 'released' : 'ended'
  const isAscending = keyLocks.order < holder.order === keyLocks.path < holder.path
  return isAscending ? 'expired' : 'released'
}
