import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { PeerClient, PeerProcess } from '../peers/peer.js'
import type { Load, Measured } from './load.js'
import { now, TurnLog } from './turn-log.js'

/** How long the clients may take until all of them wait. */
const GATHER_MS = 120_000
const POLL_MS = 100

/** Runs a load to its end, which is a moment after its time: what has begun is finished. */
export async function runLoad(peer: PeerProcess, load: Load): Promise<Measured> {
  const clients = await Promise.all(
    Array.from({ length: load.clients }, (_, at) => peer.client(load.firstClient + at)),
  )
  const run = { counts: load.until === 'all-served', isOver: false }
  const logs = clients.map(client => new TurnLog(client))
  const open = load.gathers ? await shut(peer, clients[0]!, load) : undefined
  let [start, cpu] = [now(), process.cpuUsage()]
  const all = Promise.all(clients.map((client, at) => takeTurns(client, logs[at]!, at, load, run)))
  await open?.()
  if (load.until === 'time') {
    await Promise.race([delay(load.warmSeconds * 1000), all])
    ;[start, cpu] = [now(), process.cpuUsage()]
    run.counts = true
    await Promise.race([delay(load.seconds * 1000), all])
    run.isOver = true
  } else await all
  const ms = now() - start
  const { user, system } = process.cpuUsage(cpu)
  if (!load.gathers) await all
  return { clients: logs.map(log => log.turns), cpuMs: (user + system) / 1000, ms }
}

async function takeTurns(
  client: PeerClient,
  log: TurnLog,
  at: number,
  load: Load,
  run: { readonly counts: boolean; readonly isOver: boolean },
): Promise<void> {
  do {
    const names = namesOf(load, at)
    const asked = now()
    const release = await client.acquire(names)
    const held = now()
    const { counts } = run
    await (load.holdMs > 0 ? delay(load.holdMs) : turn())
    const leaving = now()
    await release()
    const left = now()
    log.add(names, { asked, held, leaving, left }, counts && !run.isOver)
    if (client.pauseMs) await delay(client.pauseMs)
  } while (!run.isOver && load.until === 'time')
}

function namesOf({ names, take, firstClient }: Load, at: number): string[] {
  if (take === 1) return [names[(firstClient + at) % names.length]!]
  const left = [...names]
  return Array.from({ length: take }, () => left.splice(Math.floor(Math.random() * left.length), 1)[0]!)
}

/** Holds the lock that all clients want. Resolves to what lets them in, once all of them wait. */
async function shut(peer: PeerProcess, first: PeerClient, load: Load): Promise<() => Promise<void>> {
  const release = await first.acquire(load.names)
  return async () => {
    const end = now() + GATHER_MS
    for (;;) {
      const waiting = await peer.waiting!(load.names[0]!)
      if (waiting >= load.clients) return release()
      if (now() > end) throw new Error(`${waiting} of ${load.clients} wait after ${GATHER_MS / 1000} s`)
      await delay(POLL_MS)
    }
  }
}
