import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

/** Of one core: milliseconds of each state, see `os.cpus`. */
export interface CoreTimes {
  readonly user: number
  readonly nice: number
  readonly sys: number
  readonly idle: number
  readonly irq: number
}

const SAMPLE_MS = 500

/** Share of all cores that is in use at this moment, while this process waits: what others do. */
export async function busyShare(): Promise<number> {
  const before = cpus().map(({ times }) => times)
  await delay(SAMPLE_MS)
  return shareOf(
    before,
    cpus().map(({ times }) => times),
  )
}

/** Share of the time between two readings in which the cores were not idle. */
export function shareOf(before: readonly CoreTimes[], after: readonly CoreTimes[]): number {
  const sum = (cores: readonly CoreTimes[], time: (core: CoreTimes) => number): number =>
    cores.reduce((total, core) => total + time(core), 0)
  const all = ({ user, nice, sys, idle, irq }: CoreTimes): number => user + nice + sys + idle + irq
  const idle = sum(after, core => core.idle) - sum(before, core => core.idle)
  return 1 - idle / (sum(after, all) - sum(before, all))
}
