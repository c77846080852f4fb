import { v4 as uuid4 } from 'uuid'
import { RelukkoServerError } from '../errors.js'
import type { RelukkoDTO } from '../relukko-dto.js'
import { lockOf } from './http/answer.js'
import { DeletionListener } from './deletion-listener.js'
import type { HttpTransport } from './http/http-transport.js'

/**
 * Tries until the lock is taken: whenever the server says that it was deleted, and now and then. Null when it is not before
 * `end`, by `performance.now()`, or when the last try has no answer soon after.
 */
export async function acquireWithRetry(
  line: HttpTransport,
  lockName: string,
  creator: string | null,
  end: number,
): Promise<RelukkoDTO | null> {
  const body = { lock_name: lockName, creator }
  // By it a server knows its own lock again when the answer that told of it was lost.
  const headers = { 'idempotency-key': uuid4() }
  const tryOnce = async (retryUntil = Infinity): Promise<RelukkoDTO | null> => {
    const answer = await line.request({ method: 'POST', path: '/v1/locks/', body, headers, retryUntil })
    return answer.status === 409 ? null : lockOf(answer, 201)
  }
  const left = (): number => end - performance.now()
  if (left() > 0) await DeletionListener.check(line)
  let lock = await tryOnce()
  let deletions: DeletionListener | undefined
  try {
    while (!lock && left() > 0) {
      if (deletions) await deletions.next(Math.min(longestWait(line, deletions), left()))
      line.signal.throwIfAborted()
      // A deletion before the listener is connected is seen by the next try; after the last try, there is no listener.
      if (!deletions?.isOpen && left() > 0) {
        deletions?.close()
        deletions = await DeletionListener.open(lockName, line, left())
      }
      line.signal.throwIfAborted()
      lock = await tryOnce(end).catch((error: unknown) => {
        line.signal.throwIfAborted()
        if (left() > 0 || !isSilence(error)) throw error
        return null
      })
    }
    return lock
  } finally {
    deletions?.close()
  }
}

/** That there was no answer. */
function isSilence(error: unknown): boolean {
  return error instanceof RelukkoServerError && error.status === undefined
}

/** Milliseconds between two tries. */
function longestWait({ settings }: HttpTransport, { isOpen }: DeletionListener): number {
  const { acquireModulo, acquireWaitForTimeout } = settings
  return (isOpen ? acquireModulo : 1) * acquireWaitForTimeout * 1000
}
