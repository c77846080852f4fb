import { describe, expect, it } from '@jest/globals'
import { compact } from '../bench/backends/compact.js'
import type { Load, Measured } from '../bench/load/load.js'
import { runLoad } from '../bench/load/run-load.js'
import { combinedFloor, loneFloor } from '../bench/peers/floor/cycle-floor.js'
import { handoffFloor } from '../bench/peers/floor/handoff-floor.js'
import type { Peer } from '../bench/peers/peer.js'
import { type Round, roundOf } from '../bench/scenarios/figures.js'
import { useEtcdServer } from './support/etcd.js'

const etcd = useEtcdServer()

/** What processes, which are parts of this one, come to when each of their clients holds three times. */
async function measured(
  peer: Peer,
  names: readonly string[],
  clients: number,
  processes = 1,
): Promise<Round> {
  const { endpoint } = etcd.get()
  const opened = await Promise.all(Array.from({ length: processes }, () => peer.open({ etcd: endpoint })))
  const load: Load = {
    names,
    take: 1,
    clients,
    firstClient: 0,
    holdMs: 0,
    until: 'all-served',
    gathers: false,
    warmSeconds: 0,
    seconds: 0,
    endpoints: [],
  }
  const measured: Measured[] = []
  for (let time = 0; time < 3; time++) {
    const loads = opened.map((each, at) => runLoad(each, { ...load, firstClient: at * clients }))
    measured.push(...(await Promise.all(loads)))
  }
  const round = roundOf(measured, names, { ms: 1, etcdCpuMs: 0, redisCpuMs: 0 })
  await Promise.all(opened.map(each => each.close()))
  return round
}

describe('A floor of the bench', () => {
  it.each([loneFloor(1), loneFloor(2), combinedFloor(1), combinedFloor(2)])(
    'takes and releases each name: $name',
    async peer => {
      const names = Array.from({ length: 100 }, (_, at) => `${peer.name.replaceAll(/[^a-z]/g, '-')}-${at}`)
      const { cyclesPerSecond, overlaps } = await measured(peer, names, names.length)
      expect(cyclesPerSecond).toBeGreaterThan(0)
      expect(overlaps).toBe(0)
    },
  )

  it('notices that a name is not free', async () => {
    const process = await loneFloor(2).open({ etcd: etcd.get().endpoint })
    const client = await process.client(0)
    const release = await client.acquire(['taken'])
    await expect(client.acquire(['taken'])).rejects.toThrow('another client')
    await release()
    await process.close()
  })

  it('hands over, in turns and one at a time, in one process and in several', async () => {
    for (const [clients, processes] of [
      [40, 1],
      [3, 4],
    ] as const) {
      const round = await measured(handoffFloor, [`wanted-${processes}`], clients, processes)
      expect(round.overlaps).toBe(0)
      expect(round.cyclesPerSecond).toBeGreaterThan(0)
    }
  })
})

it('The bench lets etcd forget what was written before a load, twice as well', async () => {
  const { endpoint } = etcd.get()
  await compact(endpoint)
  await compact(endpoint)
})
