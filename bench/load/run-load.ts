import type { PeerClient, PeerProcess } from '../peers/peer.js'
import type { Load, Measured } from './load.js'

/** Comparable between the processes of one machine. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Runs a load to its end, which is a moment after its time: what has begun is finished. */
export async function runLoad(peer: PeerProcess, load: Load): Promise<Measured> {
  const waits: number[] = []
  const cycles: number[] = []
  const holdings = new Map<string, number[]>()
  const served = Array.from({ length: load.clients }, () => 0)
  const run = { counts: false, isOver: false }
  const cycleForever = async (client: PeerClient, index: number): Promise<void> => {
    const name = load.names[(load.firstClient + index) % load.names.length]!
    const held = holdings.get(name) ?? []
    holdings.set(name, held)
    while (!run.isOver) {
      const start = now()
      const release = await client.acquire(name)
      const got = now()
      const counts = run.counts
      const end = now()
      await release()
      held.push(got, end)
      if (!counts || run.isOver) continue
      waits.push(got - start)
      cycles.push(now() - start)
      served[index]!++
    }
  }
  const clients = await Promise.all(served.map(() => peer.client()))
  const all = clients.map(cycleForever)
  await lapse(load.warmSeconds)
  const [start, cpu] = [now(), process.cpuUsage()]
  run.counts = true
  await lapse(load.seconds)
  run.isOver = true
  const { user, system } = process.cpuUsage(cpu)
  const ms = now() - start
  await Promise.all(all)
  return {
    waits: Float64Array.from(waits),
    cycles: Float64Array.from(cycles),
    holdings: Object.fromEntries([...holdings].map(([name, times]) => [name, Float64Array.from(times)])),
    served,
    cpuMs: (user + system) / 1000,
    ms,
  }
}

function lapse(seconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, seconds * 1000))
}
