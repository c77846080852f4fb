import type { Peer, PeerClient } from '../peer.js'
import { answerOf } from './answer.js'
import { BareCalls } from './bare-calls.js'
import { Combiner } from './combiner.js'
import { CycleTransactions } from './cycle-transactions.js'
import { Message } from './message.js'

/** Resolves to the revision of a transaction. */
type Commit = (write: (to: Message) => void) => Promise<number>

/** What a lock with these keys cannot do in less: the two transactions of a cycle, one call each. */
export const loneFloor = (keys: 1 | 2): Peer => cycleFloor('a call for each commit', keys, alone)

/** What many such locks of one process cannot do in less: the commits of all of them in few calls. */
export const combinedFloor = (keys: 1 | 2): Peer =>
  cycleFloor('commits combined', keys, calls => {
    const combiner = new Combiner(calls)
    return write => combiner.commit(write)
  })

function alone(calls: BareCalls): Commit {
  const message = new Message()
  return async write => {
    message.begin()
    write(message)
    const { succeeded, revision } = answerOf(await calls.send('etcdserverpb.KV/Txn', message.take()))
    if (!succeeded) throw new Error('the name of the floor has another client, too')
    return revision
  }
}

function cycleFloor(what: string, keys: 1 | 2, commitOf: (calls: BareCalls) => Commit): Peer {
  return {
    name: `floor: ${what}, ${keys === 1 ? 'one key' : 'two keys'}`,
    async open({ etcd }) {
      const calls = await BareCalls.open(etcd)
      const commit = commitOf(calls)
      return {
        client: () => Promise.resolve(clientOf(commit, keys, calls.lease)),
        close: () => Promise.resolve(calls.close()),
      }
    },
  }
}

function clientOf(commit: Commit, keys: 1 | 2, lease: Buffer): PeerClient {
  const known = new Map<string, CycleTransactions>()
  return {
    async acquire([name]) {
      const cycle = known.get(name!) ?? new CycleTransactions(name!, keys, lease)
      known.set(name!, cycle)
      const revision = await commit(to => cycle.acquire(to))
      return async () => void (await commit(to => cycle.release(to, revision)))
    },
  }
}
