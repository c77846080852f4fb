import { Timestamp } from '../model/timestamp.js'

/** The two clocks of a host. */
export interface Clock {
  /** Wall clock: written into locks for people, and trusted for nothing that etcd can tell. */
  now(): Timestamp
  /** Milliseconds on a clock that never jumps: what deadlines are counted on. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Timestamp.now(),
  monotonic: () => performance.now(),
}

/** Node's setTimeout overflows at 2^31 - 1 ms and then fires at once; longer waits look again after that. */
export const LONGEST_TIMEOUT_MS = 2 ** 31 - 1
