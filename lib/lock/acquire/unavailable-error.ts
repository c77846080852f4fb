import { printable } from '../../model/describe-value.js'
import { LockFullError, LockUnavailableError } from '../../model/errors.js'
import type { Timestamp } from '../../model/timestamp.js'
import { decide, decideAll } from '../../protocol/decide.js'
import { bytesOf, hasRoom, MOST_BYTES } from '../../protocol/room.js'
import { keyLocksOf } from '../../protocol/snapshot.js'
import { parseTerms, sinceOf } from '../../protocol/terms.js'
import type { Engine } from '../engine/engine.js'
import { READ_BUDGET_MS } from '../engine/reading.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'

/** Of holders, and of waiters, how many an error names. */
const MOST_NAMED = 100

/** Looks whether all could be taken now. @throws LockUnavailableError, EtcdLockUnavailableError, LockUnreadableError */
export async function checkAvailable(engine: Engine, targets: readonly LockTarget[]): Promise<void> {
  const keys = targets.map(({ key }) => key)
  const path = keys.join(', ')
  const snapshots = await engine.retry({ path }, () => engine.read(keys), {
    budget: engine.budget(READ_BUDGET_MS),
  })
  const seen = targets.map((target, at) => ({ ...target, snapshot: snapshots[at]! }))
  const now = engine.clock.now()
  if (decideAll(seen, now).kind !== 'grant') throw unavailable(seen, now)
}

/** The error that says who stands in the way of each lock: the holders, and the waiters ahead. */
export function unavailable(seen: readonly TargetSnapshot[], now: Timestamp): LockUnavailableError {
  const blocked = seen.filter(part => decide(part.snapshot, part.terms, now, seen.length).kind !== 'grant')
  const [first, ...others] = blocked.length > 0 ? blocked : seen
  const all = [first!, ...others]
  const fullness = all.map(part => explainFull(part, now, seen.length))
  const isFull = fullness.every(text => text !== undefined)
  const message = all.map((part, at) => fullness[at] ?? explain(part, now)).join('\n')
  return new (isFull ? LockFullError : LockUnavailableError)(message, { key: first!.key.path })
}

/** Undefined where the limits, or the waiters ahead, are in the way. */
function explainFull(
  { key, terms, snapshot }: TargetSnapshot,
  now: Timestamp,
  locks: number,
): string | undefined {
  const keyLocks = keyLocksOf(snapshot)
  const liveness = { now, alive: snapshot.holders }
  if (!keyLocks.fits(terms, liveness) || hasRoom(snapshot, keyLocks, liveness, locks)) return undefined
  const share = locks === 1 ? '' : `, of which each of ${locks} that are taken at once has its share`
  return (
    `The lock ${key.path} is full: its ${keyLocks.live(liveness).length} holders take ${bytesOf(keyLocks, liveness)} bytes, ` +
    `and one more is added only up to ${MOST_BYTES} bytes${share}. ` +
    'Let some release it, give owners shorter names, or spread the holders over several locks.'
  )
}

function explain({ key, terms, snapshot }: TargetSnapshot, now: Timestamp): string {
  const holders = keyLocksOf(snapshot).live({ now, alive: snapshot.holders })
  const queue = [...snapshot.tickets]
    .filter(([id]) => id !== terms.uuid)
    .map(([, ticket]) => parseTerms(ticket.value))
  const lines = [
    `The lock ${key.path} is not available to ${terms.owner} with concurrency ${terms.concurrency}.`,
    `${count(holders.length, 'holder')}${holders.length > 0 ? ':' : '.'}`,
    ...firstOf(
      holders.map(
        ({ uuid, created, owner, concurrency }) =>
          `${String(sinceOf(snapshot.holders.get(uuid), created))}: ${owner} (concurrency ${concurrency})`,
      ),
    ),
    ...(queue.length > 0 ? [`${snapshot.isWhole ? '' : 'at least '}${count(queue.length, 'waiter')}:`] : []),
    ...firstOf(queue.map(terms => (terms ? `${terms.created}: ${terms.owner}` : 'unknown'))),
  ]
  return lines.map(printable).join('\n')
}

function firstOf(texts: readonly string[]): string[] {
  const more = texts.length - MOST_NAMED
  return [...texts.slice(0, MOST_NAMED), ...(more > 0 ? [`and ${more} more`] : [])].map(text => `    ${text}`)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
