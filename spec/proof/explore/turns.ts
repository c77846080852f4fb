import type { Intent } from '../../../lib/lock/engine/turn.js'
import type { Client } from './client.js'
import type { Member, Process } from './process.js'
import { withShortLists } from '../../support/short-lists.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/**
 * Puts what the client wants of its lock into the line of its process, as `Coordinator` does. A process of one client sends at
 * once; that of several when it comes to it. Resolves to whether the process sees what is to be released.
 */
export function submit(world: World, client: Client, intent: Intent): boolean {
  const { home, index } = client
  client.send({ kind: 'together', what: intent.kind })
  home.line = [...home.line, { ...intent, client: index }]
  return home.isShared || sendLine(world, home).length === 0
}

/**
 * Sends what may travel in one transaction. Returns those of whom nothing is seen that they could release.
 * @param most as if the others came later.
 */
export function sendLine(world: World, home: Process, most = Infinity): readonly Member[] {
  const { clients, rules } = world
  const there = home.line.slice(0, most)
  const [{ from }] = there as [Member]
  const isLocal = (uuid: string): boolean => clients.some(each => each.home === home && each.isQueuedAs(uuid))
  const { turn, unseen, left } = rules.nextTurn(there, home.cached(from.key), NOW, isLocal)
  home.line = [...left, ...home.line.slice(there.length)]
  if (!turn) return unseen
  const { before, composition, taken } = turn
  const transaction = withShortLists(composition.transaction, world.lists)
  const members = taken.map(({ uuid }) => uuid)
  home.underWay = {
    turn: { before, taken, composition: { ...composition, transaction } },
    commit: {
      kind: 'turn',
      uuid: members.join(' and '),
      members,
      parts: [{ at: 0, from: before, transaction }],
    },
  }
  return unseen
}
