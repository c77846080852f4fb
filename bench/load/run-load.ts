import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { PeerClient, PeerProcess } from '../peers/peer.js'
import type { Load, Measured } from './load.js'
import { Meter, NOTHING_USED, type Used } from './meter.js'
import { now } from '../now.js'
import { TurnLog } from './turn-log.js'

/** How long the clients may take until all of them wait. */
const GATHER_MS = 120_000
const POLL_MS = 100
/** To ask who waits costs the process that is to be measured: this share of the time is left to the others. */
const SHARE_LEFT = 0.9
/** Where some starve, they are not waited for. */
const LONGEST_WARM_UP_MS = 3000

/** Runs a load to its end, which is a moment after its time: what has begun is finished. */
export async function runLoad(peer: PeerProcess, load: Load): Promise<Measured> {
  const clients = await Promise.all(
    Array.from({ length: load.clients }, (_, at) => peer.client(load.firstClient + at)),
  )
  const logs = clients.map(client => new TurnLog(client))
  const run: Run = { counts: load.until === 'all-served', isOver: false, served: 0 }
  const turns = (): Promise<unknown> =>
    Promise.all(clients.map((client, at) => takeTurns(client, logs[at]!, at, load, run)))
  const used = await (load.until === 'all-served'
    ? metered(turns, load.endpoints)
    : timed(peer, clients, turns, load, run))
  return { clients: logs.map(log => log.turns), ...used }
}

interface Run {
  counts: boolean
  isOver: boolean
  /** How many clients have had a turn. */
  served: number
}

async function metered(turns: () => Promise<unknown>, endpoints: readonly string[]): Promise<Used> {
  const meter = await Meter.start(endpoints)
  await turns()
  return meter.read()
}

async function timed(
  peer: PeerProcess,
  clients: readonly PeerClient[],
  turns: () => Promise<unknown>,
  load: Load,
  run: Run,
): Promise<Used> {
  const release = load.gathers ? await clients[0]!.acquire(load.names) : undefined
  const all = turns()
  if (release && !(await haveGathered(peer, load))) return NOTHING_USED
  await release?.()
  await Promise.race([warmedUp(load, run), all])
  const meter = await Meter.start(load.endpoints)
  run.counts = true
  await Promise.race([delay(load.seconds * 1000), all])
  run.isOver = true
  const used = await meter.read()
  if (!load.gathers) await all
  return used
}

/** Once the queue has formed: when every client has had a turn, where that comes soon. */
async function warmedUp({ warmSeconds, clients }: Load, run: Run): Promise<void> {
  const end = now() + LONGEST_WARM_UP_MS
  await delay(warmSeconds * 1000)
  while (run.served < clients && now() < end) await delay(10)
}

async function takeTurns(client: PeerClient, log: TurnLog, at: number, load: Load, run: Run): Promise<void> {
  for (let turns = 1; ; turns++) {
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
    if (turns === 1) run.served++
    if (run.isOver || load.until === 'all-served') return
    if (client.pauseMs) await delay(client.pauseMs)
  }
}

function namesOf({ names, take, firstClient }: Load, at: number): string[] {
  if (take === 1) return [names[(firstClient + at) % names.length]!]
  const left = [...names]
  return Array.from({ length: take }, () => left.splice(Math.floor(Math.random() * left.length), 1)[0]!)
}

/** Whether all clients wait in time. */
async function haveGathered(peer: PeerProcess, load: Load): Promise<boolean> {
  const end = now() + GATHER_MS
  for (;;) {
    const asked = now()
    // While a crowd comes in, this process may be too busy to hear an answer in time.
    const waiting = await peer.waiting!(load.names[0]!).catch(() => 0)
    if (waiting >= load.clients) return true
    if (now() > end) {
      process.stderr.write(`only ${waiting} of ${load.clients} wait after ${GATHER_MS / 1000} s\n`)
      return false
    }
    await delay(Math.max(POLL_MS, ((now() - asked) * SHARE_LEFT) / (1 - SHARE_LEFT)))
  }
}
