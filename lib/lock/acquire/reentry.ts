import { AsyncLocalStorage } from 'node:async_hooks'
import { LockReentryError } from '../../model/errors.js'

/** A holding around the code that runs. */
interface Frame {
  readonly key: string
  readonly concurrency: number
  readonly isHeld: () => boolean
  readonly outer: Frame | undefined
}

const frames = new AsyncLocalStorage<Frame>()

/** Runs `fn`, and records for all that it calls and awaits that it holds these locks. */
export function runHolding<T>(
  locks: readonly { readonly key: string; readonly concurrency: number }[],
  isHeld: () => boolean,
  fn: () => T,
): T {
  const innermost = locks.reduce<Frame | undefined>(
    (outer, { key, concurrency }) => ({ key, concurrency, isHeld, outer }),
    frames.getStore(),
  )
  return innermost ? frames.run(innermost, fn) : fn()
}

/**
 * Throws when the caller would wait for a lock that it holds itself.
 * @throws LockReentryError
 */
export function checkReentry(key: string, concurrency: number): void {
  const limits: number[] = []
  for (let frame = frames.getStore(); frame; frame = frame.outer) {
    if (frame.key === key && frame.isHeld()) limits.push(frame.concurrency)
  }
  if (limits.length === 0) return
  const limit = Math.min(...[...limits, concurrency].map(most => most || Infinity))
  if (limits.length < limit) return
  throw new LockReentryError(
    `The code that asks for the lock ${key} holds it already, and would wait for itself. Pass the handle on, or ` +
      'set allowReentry if other code releases it.',
    { key },
  )
}
