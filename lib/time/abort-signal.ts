/**
 * Whether it can be listened to like an AbortSignal. It need not be Node's: where tests run in jsdom, and in programs that
 * brought their own before Node had one, it is another class.
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

/** Why it was aborted; also of one that does not know of reasons. */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('This operation was aborted', 'AbortError')
}

/** One of Node's own, which can be joined with others. It follows the given one until that, or `until`, is aborted. */
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
