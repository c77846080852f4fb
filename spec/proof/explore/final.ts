import { decideAll } from '../../../lib/protocol/decide.js'
import { guarded, verification } from '../../../lib/protocol/guard.js'
import type { Client } from './client.js'
import { Violation } from './invariants.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** While nothing is on its way, nobody waits who could have the lock, or was sent away. */
export function checkWaits(world: World): void {
  for (const client of world.clients) {
    if (client.stage !== 'waiting') continue
    const step = decideAll(client.targetsIn(world.truths(client)), NOW)
    if (step.kind !== 'wait') throw new Violation(`${client.uuid} waits, and nobody tells it: ${step.kind}`)
    const believed = world.rules.decide(client.targetsIn(client.snapshots), NOW)
    if (believed.kind === 'wait' && step.place === 1 && believed.place > 1)
      throw new Violation(`${client.uuid} waits, and nobody tells it that it is first`)
  }
}

/** What a holder that was forced out writes under its guard is refused, from the transaction on that forced it out. */
export function checkGuards({ clients, etcd }: World): void {
  for (const { stage, uuid, keys, tokens } of clients) {
    if (stage !== 'holding' || !keys.some(key => etcd.has(key.forced(uuid)))) continue
    const guards = keys.map((key, at) => ({ key, uuid, token: tokens[at]! }))
    if (etcd.commit(guarded(guards, verification(guards))).result.succeeded)
      throw new Violation(`${uuid} was forced out, and writes as a holder`)
  }
}

/** When all have come to their end, nothing is left but entries of those who went away without releasing, and the marker. */
export function checkRest({ clients, etcd, keys, administrator }: World): void {
  const waiter = clients.find(({ hasEnded }) => !hasEnded)
  if (waiter) throw new Violation(`${waiter.uuid} waits for ever`)
  const marker = administrator?.key.forced(administrator.uuid)
  const left = etcd.keys.filter(kv => kv.key !== marker && !keys.some(({ path }) => path === kv.key))
  if (left.length > 0)
    throw new Violation(`nobody is there, and these keys are left: ${left.map(kv => kv.key).join(', ')}`)
  for (const { uuid, owner } of keys.flatMap(key => [...etcd.keyLocks(key).locks.values()])) {
    if (!maySurvive(owner, clients)) throw new Violation(`nobody is there, and the entry of ${uuid} is left`)
  }
}

/** Leases that are kept for the next time have no keys. */
export function checkIdle({ clients, etcd }: World): void {
  for (const { idleLeases } of clients) {
    if (idleLeases.length === 0) continue
    const used = etcd.keys.find(({ lease }) => lease !== undefined && idleLeases.includes(lease))
    if (used) throw new Violation(`${used.key} is on lease ${used.lease}, which is taken to be unused`)
  }
}

function maySurvive(owner: string, clients: readonly Client[]): boolean {
  return clients.find(({ name }) => name === owner)?.wentAway ?? true
}
