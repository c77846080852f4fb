import { HoldingProcess } from '../load/hold.js'
import type { Load } from '../load/load.js'
import { runLoad } from '../load/run-load.js'
import { TakingProcess } from '../load/take.js'
import { peerNamed } from '../peers/index.js'
import type { Stores } from '../peers/peer.js'
import { answerQuestions } from './child.js'
import { serve } from '../serve/served.js'

/** Does what a process was started for, see `Child`. */
export function play(role: string, argument: string): Promise<void> {
  return ROLES[role]!(JSON.parse(argument) as never)
}

const ROLES: Readonly<Record<string, (argument: never) => Promise<void>>> = {
  /** Runs loads of one peer. */
  async peer({ peer, stores }: { readonly peer: string; readonly stores: Stores }) {
    const opened = await peerNamed(peer).open(stores)
    answerQuestions(
      (load: Load) => runLoad(opened, load),
      () => opened.close(),
    )
  },
  /** Holds more and more locks. */
  hold({ etcd }: Stores) {
    const holding = new HoldingProcess(etcd)
    answerQuestions(
      (count: number) => holding.hold(count),
      () => Promise.resolve(),
    )
    return Promise.resolve()
  },
  /** Serves clients of Relukko. */
  server: serve,
  /** Takes a lock, and keeps it. */
  take({ etcd }: Stores) {
    const taking = new TakingProcess(etcd)
    answerQuestions(
      (wanted: Parameters<TakingProcess['take']>[0]) => taking.take(wanted),
      () => taking.close(),
    )
    return Promise.resolve()
  },
}
