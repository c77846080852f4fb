import { eventKey, type KeyEvent, type KeyValue, type LeaseId } from '../kv/key-value.js'
import { withJson } from '../model/printed.js'
import { type ForceReleaseMarker, parseMarker } from './force.js'
import { LockKey, type ParsedKey } from './lock-key.js'
import { parseTerms } from './terms.js'

/** What happened to a lock. */
export interface LockEvent {
  /** `ended`: what this id had is gone, be it a holding or a place in the queue, and it is not known why. */
  readonly type: 'queued' | 'gave-up' | 'granted' | 'released' | 'expired' | 'forced' | 'ended'
  readonly prefix: string
  readonly name: string
  readonly id: string
  /** Undefined when the key was not written by this software. */
  readonly owner: string | undefined
  /**
   * Of etcd; that of `granted` is the fencing token. What happened at once shares one. What has `ended` did so then or later.
   */
  readonly revision: bigint
  /** Of `forced`: who took the holding, or the place in the queue, and why. */
  readonly by?: string
  readonly reason?: string
}

/** The holder keys and tickets that stand, by their paths: who they are when they go. */
export type LiveKeys = Map<string, KeyValue>

/**
 * What the changes of one revision mean; `standing` is brought up to them.
 * @param living where the order of the changes is not that in which etcd made them: those leases that have not ended since.
 */
export function lockEventsOf(
  changes: readonly KeyEvent[],
  standing: LiveKeys,
  living?: ReadonlySet<LeaseId>,
): LockEvent[] {
  const known = changes.flatMap((change, order): Change[] => {
    const path = eventKey(change)
    const parsed = LockKey.parse(path)
    if (!parsed) return []
    const before = standing.get(path)
    if (change.type === 'put' && parsed.kind !== 'keyLocks') standing.set(path, change.kv)
    else standing.delete(path)
    return [{ ...parsed, change, path, before, order }]
  })
  return known.flatMap(each => eventOf(each, known, living))
}

/** The leases of sole holders that go: whether they have ended tells why, where the order of the changes does not. */
export function leasesInQuestion(changes: readonly KeyEvent[], standing: LiveKeys): LeaseId[] {
  const gone = new Set(changes.flatMap(change => (change.type === 'delete' ? [change.key] : [])))
  return [...gone].flatMap(path => {
    const parsed = LockKey.parse(path)
    const isSole = parsed?.kind === 'holder' && gone.has(parsed.key.path)
    return (isSole && standing.get(path)?.lease) || []
  })
}

/** The holder key or ticket `kv` tells of whom. */
export function lockEventOf(
  type: LockEvent['type'],
  kv: Pick<KeyValue, 'key' | 'value'>,
  revision: bigint,
  force?: ForceReleaseMarker,
): LockEvent {
  const { key, uuid } = LockKey.parse(kv.key)!
  const { prefix, name } = key
  const owner = parseTerms(kv.value)?.owner
  return withJson({ type, prefix, name, id: uuid, owner, revision, ...force })
}

interface Change extends ParsedKey {
  readonly change: KeyEvent
  readonly path: string
  readonly before: KeyValue | undefined
  readonly order: number
}

function eventOf(own: Change, all: readonly Change[], living: ReadonlySet<LeaseId> | undefined): LockEvent[] {
  const { kind, key, uuid, change, before } = own
  const isPut = change.type === 'put'
  const of = (type: LockEvent['type'], force?: ForceReleaseMarker): LockEvent[] => {
    const { value } = (isPut ? change.kv : before) ?? { value: '' }
    const revision = isPut ? change.kv.modRevision : change.modRevision
    return [lockEventOf(type, { key: own.path, value }, revision, force)]
  }
  const alongside = (path: string): Change | undefined => all.find(other => other.path === path)
  if (kind === 'holder' && isPut) return before ? [] : of('granted')
  if (kind === 'ticket' && isPut) return before ? [] : of('queued')
  if (kind !== 'ticket' && kind !== 'holder') return []
  const trace = alongside(key.forced(uuid))?.change
  if (trace?.type === 'put') return of('forced', parseMarker(trace.kv.value))
  if (kind === 'ticket') return alongside(key.holder(uuid))?.change.type === 'put' ? [] : of('gave-up')
  return of(typeOfEnd(own, alongside(key.path), living))
}

/** The end of a lease changes no KeyLocks but one that hangs on it, which it deletes in ascending order. */
function typeOfEnd(
  holder: Change,
  keyLocks: Change | undefined,
  living: ReadonlySet<LeaseId> | undefined,
): 'released' | 'expired' | 'ended' {
  if (!keyLocks) return 'expired'
  if (keyLocks.change.type === 'put') return 'released'
  if (living) return living.has(holder.before?.lease ?? '') ? 'released' : 'ended'
  const isAscending = keyLocks.order < holder.order === keyLocks.path < holder.path
  return isAscending ? 'expired' : 'released'
}
