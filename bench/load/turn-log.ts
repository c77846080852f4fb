import type { PeerClient } from '../peers/peer.js'
import type { Turns } from './load.js'

/** When a client asked for a lock, held it, began to release it and had released it. */
export interface Turn {
  readonly asked: number
  readonly held: number
  readonly leaving: number
  readonly left: number
}

/** The turns of one client. */
export class TurnLog {
  private readonly waits: number[] = []
  private readonly cycles: number[] = []
  private readonly holdings = new Map<string, number[]>()

  constructor(private readonly client: PeerClient) {}

  /** @param counts whether its times are told; that it held is told always, and so is each turn of a client that is told apart. */
  add(names: readonly string[], { asked, held, leaving, left }: Turn, counts: boolean): void {
    for (const name of names) {
      const times = this.holdings.get(name) ?? []
      this.holdings.set(name, times)
      times.push(held, leaving)
    }
    if (!counts && !this.client.isApart) return
    this.waits.push(held - asked)
    this.cycles.push(held - asked + left - leaving)
  }

  get turns(): Turns {
    return {
      limit: this.client.limit ?? 1,
      isApart: this.client.isApart ?? false,
      waits: Float64Array.from(this.waits),
      cycles: Float64Array.from(this.cycles),
      holdings: Object.fromEntries([...this.holdings].map(([name, all]) => [name, Float64Array.from(all)])),
    }
  }
}
