/**
 * Whether the value can be listened to like an AbortSignal. It need not be of Node's class: jsdom has its own, and so do
 * polyfills.
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  )
}

/** Why the signal was aborted: an AbortError where it has no reason, as in older polyfills. */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('This operation was aborted', 'AbortError')
}

/** A signal of Node's class, which can be joined with others. It follows the given one until that, or `until`, is aborted. */
export function nativeSignal(signal: AbortSignal, until: AbortSignal): AbortSignal {
  if ((signal as object) instanceof AbortSignal) return signal
  const controller = new AbortController()
  const follow = (): void => controller.abort(reasonOf(signal))
  if (signal.aborted) follow()
  else {
    signal.addEventListener('abort', follow, { once: true })
    until.addEventListener('abort', () => signal.removeEventListener('abort', follow), { once: true })
  }
  return controller.signal
}

/** @throws its reason, when it is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw reasonOf(signal)
}

/** What ends work: of an AbortSignal as much as is needed here. One of Node's costs as much as a third of a lock. */
export interface StopSignal {
  readonly aborted: boolean
  addEventListener(event: 'abort', listener: () => void): void
  removeEventListener(event: 'abort', listener: () => void): void
}
