import { answer, proceed } from './answers.js'
import type { Client } from './client.js'
import { tell } from './acquiring.js'
import { hold } from './holding.js'
import type { Deed, Move } from './move.js'
import { notice, startRelease } from './releasing.js'
import { deliver } from './queue-watching.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** What a client does, or is told, when all goes well. */
export function clientMoves(world: World, client: Client): Move[] {
  const { name, call, index } = client
  const move = (text: string, make: Deed): Move => ({
    text: `${name}: ${text}`,
    make: next => {
      const self = next.clients[index]!
      make(next, self)
      proceed(next, self)
    },
  })
  switch (client.stage) {
    case 'calling':
      if (call?.kind === 'together') return []
      if (call?.kind === 'ride')
        return call.isAboard ? [] : [move('joins without a release', (_, self) => self.send(call.alone))]
      if (call?.kind === 'revoke')
        return call.leases.map(lease =>
          move(`revokes lease ${lease}`, (next, self) => answer(next, self, lease)),
        )
      return [move(call!.kind === 'read' ? `reads, to ${call!.why}` : call!.kind, answer)]
    case 'waiting': {
      const look = move(`looks again`, (_, self) => self.send({ kind: 'read', why: 'wait' }))
      return [
        ...deliveries(client).map(counts =>
          move(`is told ${counts.join(' + ')} changes`, (next, self) => deliver(next, self, counts)),
        ),
        ...(hears(world, client) ? [move('hears of its process', (_, self) => hear(self))] : []),
        ...(client.isStale || client.timer === 'due' ? [look] : []),
      ]
    }
    case 'doubting':
      return [
        move('believes in a young lease, which is gone', hold),
        move('finds its lease gone', (next, self) => tell(next, self, { kind: 'renewed', areAlive: false })),
      ]
    case 'holding':
      return [
        move('begins to release', (_, self) => startRelease(self)),
        ...(client.mayPrefetch ? [move('learns who waits', prefetch)] : []),
        ...(isHeld(world, client) ? [] : [move('notices that it lost the lock', notice)]),
      ]
    case 'running':
    case 'done':
    case 'dead':
      return []
  }
}

/** Whether what its process has seen makes a set look that waits. */
function hears({ rules }: World, client: Client): boolean {
  if (!client.home.isShared || client.keys.length === 1) return false
  return rules.decide(client.targetsIn(client.heard), NOW).kind !== 'wait'
}

function hear(client: Client): void {
  client.see(client.heard)
  client.stage = 'running'
}

/** How many batches of each watch may come before the client looks at them. */
function deliveries({ watches }: Client): number[][] {
  const counts = watches.reduce<number[][]>(
    (before, { batches }) =>
      before.flatMap(prefix => Array.from({ length: batches.length + 1 }, (_, count) => [...prefix, count])),
    [[]],
  )
  return counts.filter(some => some.some(count => count > 0))
}

function prefetch(world: World, client: Client): void {
  world.look(client)
  client.mayPrefetch = false
}

function isHeld(world: World, client: Client): boolean {
  return world.truths(client).every(({ holders }) => holders.has(client.uuid))
}
