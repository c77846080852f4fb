import { LONGEST_TIMEOUT_MS } from '../../time/clock.js'

/**
 * Settles as `work` does, or rejects with the reason of the signal when that aborts, or with an error after so many
 * milliseconds. The work is told by a signal of its own, and is not waited for: it may not listen.
 */
export async function bounded<T>(
  ms: number,
  signal: AbortSignal,
  work: (end: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const end = new AbortController()
  const onAbort = (): void => end.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(
    () => end.abort(Object.assign(new Error(`no answer within ${ms / 1000} s`), { code: 'ETIMEDOUT' })),
    Math.min(ms, LONGEST_TIMEOUT_MS),
  )
  try {
    return await new Promise<T>((resolve, reject) => {
      end.signal.addEventListener('abort', () => reject(end.signal.reason as Error), { once: true })
      work(end.signal).then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
