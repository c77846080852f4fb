import { decide } from '../../../lib/protocol/decide.js'
import type { Client } from './client.js'
import { Violation } from './invariants.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** While nothing is on its way, nobody waits who could have the lock. */
export function checkWaits({ clients, etcd, rules }: World): void {
  for (const client of clients) {
    if (client.stage !== 'waiting') continue
    const step = decide(etcd.truth, client.asked, NOW)
    if (step.kind !== 'wait') throw new Violation(`${client.uuid} waits, and nobody tells it: ${step.kind}`)
    const believed = rules.decide(client.snapshot, client.asked, NOW)
    if (believed.kind === 'wait' && step.place === 1 && believed.place > 1)
      throw new Violation(`${client.uuid} waits, and nobody tells it that it is first`)
  }
}

/** When all have come to their end, nothing is left but entries of those who went away without releasing. */
export function checkRest({ clients, etcd }: World): void {
  const waiter = clients.find(({ stage }) => stage !== 'done' && stage !== 'dead')
  if (waiter) throw new Violation(`${waiter.uuid} waits for ever`)
  const left = etcd.keys.filter(({ key }) => key !== etcd.truth.key.path)
  if (left.length > 0)
    throw new Violation(`nobody is there, and these keys are left: ${left.map(kv => kv.key).join(', ')}`)
  for (const { uuid, owner } of etcd.keyLocks.locks.values()) {
    if (!maySurvive(owner, clients)) throw new Violation(`nobody is there, and the entry of ${uuid} is left`)
  }
}

/** Leases that are kept for the next time have no keys. */
export function checkIdle({ clients, etcd }: World): void {
  for (const { idleHolder, idleTicket } of clients) {
    const used = etcd.keys.find(
      ({ lease }) => lease !== undefined && [idleHolder, idleTicket].includes(lease),
    )
    if (used) throw new Violation(`${used.key} is on lease ${used.lease}, which is taken to be unused`)
  }
}

function maySurvive(owner: string, clients: readonly Client[]): boolean {
  return clients.find(({ name }) => name === owner)?.wentAway ?? true
}
