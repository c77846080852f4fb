import type { Load } from '../load/load.js'
import type { TakingProcess } from '../load/take.js'
import type { Stores } from '../peers/peer.js'
import { answerQuestions } from './child.js'

/** Does what a process was started for, see `Child`. */
export function play(role: string, argument: string): Promise<void> {
  return ROLES[role]!(JSON.parse(argument) as never)
}

// Each loads what it needs, and nothing else: it is measured, what a process takes up.
const ROLES: Readonly<Record<string, (argument: never) => Promise<void>>> = {
  /** Runs loads of one peer. */
  async peer({ peer, stores }: { readonly peer: string; readonly stores: Stores }) {
    const { peerNamed } = await import('../peers/index.js')
    const { runLoad } = await import('../load/run-load.js')
    const opened = await peerNamed(peer).open(stores)
    answerQuestions(
      (load: Load) => runLoad(opened, load),
      () => opened.close(),
    )
  },
  /** Holds more and more locks. */
  async hold({ etcd }: Stores) {
    const { HoldingProcess } = await import('../load/hold.js')
    const holding = new HoldingProcess(etcd)
    answerQuestions(
      (count: number) => holding.hold(count),
      () => Promise.resolve(),
    )
  },
  /** Serves clients of Relukko. */
  server: async (endpoints: readonly string[]) => (await import('../serve/served.js')).serve(endpoints),
  /** Takes a lock, and keeps it. */
  async take({ etcd }: Stores) {
    const { TakingProcess } = await import('../load/take.js')
    const taking = new TakingProcess(etcd)
    answerQuestions(
      (wanted: Parameters<TakingProcess['take']>[0]) => taking.take(wanted),
      () => taking.close(),
    )
  },
}
