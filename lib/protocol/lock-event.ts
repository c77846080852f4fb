import type { KeyEvent, KeyValue } from '../kv/key-value.js'
import { withJson } from '../model/printed.js'
import { type Force, parseForce } from './force.js'
import { LockKey, type ParsedKey } from './lock-key.js'
import { parseTerms } from './terms.js'

/** What happened to a lock. */
export interface LockEvent {
  /** `ended`: what this id had is gone, be it a holding or a place in the queue, and it was not seen why. */
  readonly type: 'queued' | 'gave up' | 'granted' | 'released' | 'expired' | 'forced' | 'ended'
  readonly prefix: string
  readonly name: string
  readonly id: string
  /** Undefined when the key was not written by this software. */
  readonly owner: string | undefined
  /**
   * Of etcd; that of `granted` is the fencing token. What happened at once shares one. That of `ended` is the last at which
   * it was known to stand.
   */
  readonly revision: bigint
  /** Of `forced`: who took the holding, or the place in the queue, and why. */
  readonly by?: string
  readonly reason?: string
}

/** The holder keys and tickets that stand, by their paths: who they are when they go. */
export type Standing = Map<string, KeyValue>

/** What the changes of one revision mean; `standing` is brought up to them. */
export function lockEventsOf(changes: readonly KeyEvent[], standing: Standing): LockEvent[] {
  const known = changes.flatMap((change, order): Change[] => {
    const path = pathOf(change)
    const parsed = LockKey.parse(path)
    if (!parsed) return []
    const before = standing.get(path)
    if (change.type === 'put' && parsed.kind !== 'keyLocks') standing.set(path, change.kv)
    else standing.delete(path)
    return [{ ...parsed, change, path, before, order }]
  })
  return known.flatMap(each => eventOf(each, known))
}

/** The holder key or ticket `kv` tells of whom. */
export function lockEventOf(
  type: LockEvent['type'],
  kv: Pick<KeyValue, 'key' | 'value'>,
  revision: bigint,
  force?: Force,
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

function eventOf(own: Change, all: readonly Change[]): LockEvent[] {
  const { kind, key, uuid, change, before } = own
  const isPut = change.type === 'put'
  const of = (type: LockEvent['type'], force?: Force): LockEvent[] => {
    const { value } = (isPut ? change.kv : before) ?? { value: '' }
    const revision = isPut ? change.kv.modRevision : change.modRevision
    return [lockEventOf(type, { key: own.path, value }, revision, force)]
  }
  const alongside = (path: string): Change | undefined => all.find(other => other.path === path)
  if (kind === 'holder' && isPut) return before ? [] : of('granted')
  if (kind === 'ticket' && isPut) return before ? [] : of('queued')
  if (kind !== 'ticket' && kind !== 'holder') return []
  const trace = alongside(key.trace(uuid))?.change
  if (trace?.type === 'put') return of('forced', parseForce(trace.kv.value))
  if (kind === 'ticket') return alongside(key.holder(uuid))?.change.type === 'put' ? [] : of('gave up')
  return of(isLeaseEnd(own, alongside(key.path)) ? 'expired' : 'released')
}

/** The end of a lease changes no KeyLocks but one that hangs on it, which it deletes in ascending order. */
function isLeaseEnd(holder: Change, keyLocks: Change | undefined): boolean {
  if (!keyLocks) return true
  if (keyLocks.change.type === 'put') return false
  return keyLocks.order < holder.order === keyLocks.path < holder.path
}

function pathOf(change: KeyEvent): string {
  return change.type === 'put' ? change.kv.key : change.key
}
