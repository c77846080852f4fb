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

/** Runs `fn`, which is known to hold these locks for as long as it runs, also in what it calls and awaits. */
export function runHolding<T>(
  locks: readonly { readonly key: string; readonly concurrency: number }[],
  isHeld: () => boolean,
  fn: () => T,
): T {
  const within = locks.reduce<Frame | undefined>(
    (outer, { key, concurrency }) => ({ key, concurrency, isHeld, outer }),
    frames.getStore(),
  )
  return within ? frames.run(within, fn) : fn()
}

/**
 * Refuses to wait for what the waiting code itself holds, and will hold for as long as it waits.
 * @throws LockReentryError
 */
export function checkReentry(key: string, concurrency: number): void {
  const limits: number[] = []
  for (let frame = frames.getStore(); frame; frame = frame.outer) {
    if (frame.key === key && frame.isHeld()) limits.push(frame.concurrency)
  }
  const limit = Math.min(...[...limits, concurrency].map(most => most || Infinity))
  if (limits.length === 0 || limits.length < limit) return
  throw new LockReentryError(
    `The lock ${key} is held by the code that asks for it, which would wait for itself. Pass on what is held, or ` +
      'allow it with allowReentry where somebody else will release it.',
    { key },
  )
}
