import { ConcurrentLock } from '../model/concurrent-lock.js'
import { newLockId } from '../model/lock-id.js'
import type { LockKey } from '../protocol/lock-key.js'
import { acquire } from './acquire.js'
import { type HoldAllOptions, type LockRequest, waitMsOf } from './acquire-options.js'
import type { Part } from './part.js'
import type { Engine } from './engine.js'
import type { Holding } from './holdings.js'
import { pretend } from './pretend.js'
import { checkReentry } from './reentry.js'
import { waitReport } from './wait-report.js'

export const SKIPPED = 'Skipping lock acquire/release in DRY-RUN mode'

/** One request for locks, under a new id. @throws InvalidLockError for a bad concurrency or ttl. */
export function partsOf(
  owner: string,
  keys: readonly LockKey[],
  requests: readonly Pick<LockRequest, 'concurrency' | 'ttl'>[],
  { keepAlive = false }: Pick<HoldAllOptions, 'keepAlive'> = {},
): Part[] {
  const uuid = newLockId()
  return keys.map((key, at) => {
    const { concurrency, ttl } = requests[at]!
    const asked = { uuid, owner, concurrency, ttl }
    new ConcurrentLock(asked)
    return { key, asked: { ...asked, renewed: keepAlive } }
  })
}

/** @throws InvalidLockError for a bad `wait`, LockReentryError. */
export function checkTaking(parts: readonly Part[], options: HoldAllOptions): void {
  if (waitMsOf(options) === 0 || options.allowReentry) return
  for (const { key, asked } of parts) checkReentry(key.path, asked.concurrency)
}

/** Takes all parts as a caller has asked for; in a dry run, looks whether they could be taken. Throws as `Lock.acquire`. */
export async function take(
  engine: Engine,
  parts: readonly Part[],
  options: HoldAllOptions,
  isDryRun: boolean,
): Promise<readonly Holding[] | undefined> {
  const { signal, onWait } = options
  const log = (level: 'debug' | 'info', text: string): void => {
    for (const { key, asked } of parts) {
      const { uuid: id, owner, concurrency, ttl } = asked
      engine.log[level]({ key: key.path, id, owner, concurrency, ttl }, text)
    }
  }
  log('debug', 'Acquiring lock')
  if (isDryRun) {
    await pretend(engine, parts)
    log('info', SKIPPED)
    log('info', 'Acquired lock')
    return undefined
  }
  const report = onWait && waitReport(engine, onWait)
  const holdings = await acquire(engine, parts, { waitMs: waitMsOf(options), signal, onWait: report })
  log('info', 'Acquired lock')
  return holdings
}
