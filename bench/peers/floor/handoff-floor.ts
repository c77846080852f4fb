import { randomUUID } from 'node:crypto'
import type { Peer } from '../peer.js'
import { newsOf } from './answer.js'
import { BareCalls } from './bare-calls.js'
import { grantsTo, toldBy, waiterOf } from './handoff-keys.js'
import { type Grant, HandoffQueue } from './handoff-queue.js'
import { Message } from './message.js'

/**
 * What a fair hand-off cannot do in less, in one process or in many: one call, which grants the lock to the next waiter, and tells it
 * who comes then, so that nobody reads a queue; and one watch for each process, of its own grants.
 */
export const handoffFloor: Peer = {
  name: 'floor: a call for each hand-off',
  async open({ etcd }) {
    const calls = await BareCalls.open(etcd)
    const own = randomUUID()
    const queues = new Map<string, HandoffQueue>()
    const queueOf = (name: string): HandoffQueue => {
      const queue = queues.get(name) ?? new HandoffQueue(name, calls)
      queues.set(name, queue)
      return queue
    }
    await watchGrants(calls, own, (name, waiter, grant) => queueOf(name).tell(waiter, grant))
    return {
      client: number => {
        const waiter = waiterOf(own, number)
        const acquire = async ([name]: readonly string[]): Promise<() => Promise<void>> => {
          const queue = queueOf(name!)
          const grant = await queue.acquire(waiter)
          return () => queue.release(waiter, grant)
        }
        return Promise.resolve({ acquire })
      },
      close: () => Promise.resolve(calls.close()),
    }
  },
}

/** Resolves when nothing is missed from now on. */
function watchGrants(
  calls: BareCalls,
  own: string,
  tell: (name: string, waiter: string, grant: Grant) => void,
): Promise<void> {
  const { key, end } = grantsTo(own)
  const message = new Message()
  // WatchCreateRequest
  message.message(0x0a, () => {
    message.text(0x0a, key)
    message.text(0x12, end!)
  })
  return new Promise(resolve => {
    calls.listen('etcdserverpb.Watch/Watch', message.take(), bytes => {
      const { isCreated, puts } = newsOf(bytes)
      if (isCreated) resolve()
      for (const put of puts) {
        const { name, waiter } = toldBy(put.key)
        tell(name, waiter, { revision: put.mod, next: JSON.parse(put.value) as Grant['next'] })
      }
    })
  })
}
