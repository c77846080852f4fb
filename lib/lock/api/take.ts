import { acquire } from '../acquire/acquire.js'
import type { HoldAllOptions } from '../options/acquire-options.js'
import type { AcquireRequest } from '../options/acquire-request.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import { checkAvailable } from '../acquire/pretend.js'
import { checkReentry } from '../acquire/reentry.js'
import { waitReport } from '../acquire/wait-report.js'

export const SKIPPED = 'Skipping lock acquire/release in DRY-RUN mode'

/** @throws LockReentryError */
export function checkTaking({ targets, waitMs }: AcquireRequest, options: HoldAllOptions): void {
  if (waitMs === 0 || options.allowReentry) return
  for (const { key, terms } of targets) checkReentry(key.path, terms.concurrency)
}

/** Takes all parts as a caller has asked for; in a dry run, looks whether they could be taken. Throws as `Lock.acquire`. */
export async function take(
  engine: Engine,
  { targets, waitMs }: AcquireRequest,
  options: HoldAllOptions,
  isDryRun: boolean,
): Promise<readonly Holding[] | undefined> {
  const { signal, onWait } = options
  const log = (level: 'debug' | 'info', text: string): void => {
    for (const { key, terms } of targets) {
      const { uuid: id, owner, concurrency, ttl } = terms
      engine.log[level]({ key: key.path, id, owner, concurrency, ttl }, text)
    }
  }
  log('debug', 'Acquiring lock')
  if (isDryRun) {
    await checkAvailable(engine, targets)
    log('info', SKIPPED)
    log('info', 'Acquired lock')
    return undefined
  }
  const report = onWait && waitReport(engine, onWait)
  const holdings = await acquire(engine, targets, { waitMs, signal, onWait: report })
  log('info', 'Acquired lock')
  return holdings
}
