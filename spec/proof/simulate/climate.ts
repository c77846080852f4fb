import type { Random } from './random.js'

/** How likely each fault is in one run. Most runs know a few of them only: the more at once, the less each shows. */
export interface Climate {
  /** Milliseconds one way, at least and at most. */
  readonly latency: readonly [number, number]
  /** Milliseconds after which a call counts as lost. */
  readonly callTimeout: number
  /** A request or an answer takes seconds. */
  readonly slow: number
  readonly lostRequest: number
  readonly lostAnswer: number
  readonly watchLag: number
  readonly timerLag: number
  /** Etcd ends a lease late, as after a change of leader. */
  readonly lateExpiry: number
  /** Upon a request, its process is … */
  readonly cut: number
  readonly gap: number
  readonly pause: number
  readonly sleep: number
  readonly crash: number
  readonly revoke: number
  readonly clockStep: number
}

const CALL_TIMEOUTS = [1_000, 5_000]

export function drawClimate(random: Random): Climate {
  const some = (share: number, least: number, most: number): number =>
    random.chance(share) ? random.anyScale(least, most) : 0
  const latency = random.anyScale(0.05, 20)
  return {
    latency: [latency, latency * random.anyScale(1, 20)],
    callTimeout: random.pick(CALL_TIMEOUTS),
    slow: some(0.4, 0.01, 0.2),
    lostRequest: some(0.4, 0.01, 0.2),
    lostAnswer: some(0.4, 0.01, 0.3),
    watchLag: some(0.4, 0.02, 0.5),
    timerLag: some(0.3, 0.02, 0.5),
    lateExpiry: some(0.3, 0.1, 1),
    cut: some(0.3, 0.005, 0.1),
    gap: some(0.5, 0.1, 1),
    pause: some(0.4, 0.005, 0.1),
    crash: some(0.3, 0.002, 0.03),
    revoke: some(0.3, 0.005, 0.1),
    clockStep: some(0.3, 0.01, 0.1),
    sleep: some(0.2, 0.005, 0.05),
  }
}
