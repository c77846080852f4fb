import { tell } from './acquiring.js'
import type { Commit, RidingTickets } from './call.js'
import type { Client } from './client.js'
import type { Committed, World } from './world.js'

/** The sets of its process that are about to join travel with a release, as `RidingSets` does: no two that share a lock. */
export function withRiders({ clients }: World, { home }: Client, release: Commit): Commit {
  const riders: RidingTickets[] = []
  const taken: Client[] = []
  for (const client of clients) {
    const { call, index, keys } = client
    if (client.home !== home || call?.kind !== 'ride' || call.isAboard) continue
    if (taken.some(other => other.keys.some(key => keys.includes(key)))) continue
    taken.push(client)
    client.call = { ...call, isAboard: true }
    riders.push({
      client: index,
      parts: call.alone.parts.map(part => ({ ...part, transaction: both(part) })),
    })
  }
  return riders.length > 0 ? { ...release, riders } : release
}

/** The tickets stand, whatever has become of the release. Returns who goes on. */
export function onRidersJoined(world: World, { riders = [] }: Commit, answer: Committed): Client[] {
  return riders.map((rider, at) => {
    const client = world.clients[rider.client]!
    const snapshots = answer.riders![at]!
    for (const snapshot of snapshots) client.home.learn(snapshot)
    tell(world, client, { kind: 'answered', isGranted: false, snapshots })
    return client
  })
}

/** Nothing was applied, for want of a lease that may be of any of them. */
export function onRidersRefused({ clients }: World, { riders = [] }: Commit): void {
  for (const rider of riders) goAlone(clients[rider.client]!)
}

/** The tickets may stand, or may come yet. Returns who goes on. */
export function onRidersLost({ clients, rules }: World, { riders = [] }: Commit): Client[] {
  return riders.map(rider => {
    const client = clients[rider.client]!
    if (rules.ridersTrustSilence) goAlone(client)
    else client.stage = 'running'
    return client
  })
}

function goAlone(client: Client): void {
  if (client.call?.kind === 'ride') client.send(client.call.alone)
}

function both({ transaction: { failure } }: Commit['parts'][number]): Commit['parts'][number]['transaction'] {
  return { compare: [], success: failure, failure }
}
