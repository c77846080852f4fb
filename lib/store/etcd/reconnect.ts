import { ExponentialBackoff, type IBackoff } from 'cockatiel'

/** Growing pauses with jitter between attempts to open a stream, so that etcd is not stormed when it returns. */
export function reconnectDelays(): { next(): number; reset(): void } {
  const first = new ExponentialBackoff<unknown>({ initialDelay: 20, maxDelay: 2_000 })
  let current: IBackoff<unknown> | undefined
  return {
    next() {
      current = current ? current.next(undefined) : first.next()
      return current.duration
    },
    reset() {
      current = undefined
    },
  }
}
