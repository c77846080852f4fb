import { acquire } from './acquire.js'
import type { HoldAllOptions } from './acquire-options.js'
import type { AcquireRequest } from './acquire-request.js'
import type { Engine } from './engine.js'
import type { Holding } from './holdings.js'
import { pretend } from './pretend.js'
import { checkReentry } from './reentry.js'
import { waitReport } from './wait-report.js'

export const SKIPPED = 'Skipping lock acquire/release in DRY-RUN mode'

/** @throws LockReentryError */
export function checkTaking({ parts, waitMs }: AcquireRequest, options: HoldAllOptions): void {
  if (waitMs === 0 || options.allowReentry) return
  for (const { key, asked } of parts) checkReentry(key.path, asked.concurrency)
}

/** Takes all parts as a caller has asked for; in a dry run, looks whether they could be taken. Throws as `Lock.acquire`. */
export async function take(
  engine: Engine,
  { parts, waitMs }: AcquireRequest,
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
  const holdings = await acquire(engine, parts, { waitMs, signal, onWait: report })
  log('info', 'Acquired lock')
  return holdings
}
