import { type Traffic, trafficOf } from '../backends/traffic.js'
import { now } from '../now.js'

/** What happened while a meter ran. */
export interface Used {
  readonly ms: number
  /** Of this process, user and system. */
  readonly cpuMs: number
  /** Of the etcds, with all that other processes asked. */
  readonly traffic: Traffic
}

export const NOTHING_USED: Used = { ms: 1, cpuMs: 0, traffic: { calls: 0, renewals: 0, bytes: 0 } }

/** Meters what is used from its start on. Its own calls to etcds are not in its CPU. */
export class Meter {
  private readonly begun = now()
  private readonly cpu = process.cpuUsage()

  private constructor(
    private readonly endpoints: readonly string[],
    private readonly traffic: Traffic,
  ) {}

  static async start(endpoints: readonly string[]): Promise<Meter> {
    return new Meter(endpoints, await trafficOf(endpoints))
  }

  async read(): Promise<Used> {
    const { user, system } = process.cpuUsage(this.cpu)
    const ms = now() - this.begun
    const { calls, renewals, bytes } = await trafficOf(this.endpoints)
    return {
      ms,
      cpuMs: (user + system) / 1000,
      traffic: {
        calls: calls - this.traffic.calls,
        renewals: renewals - this.traffic.renewals,
        bytes: bytes - this.traffic.bytes,
      },
    }
  }
}
