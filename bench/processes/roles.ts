import type { Load } from '../load/load.js'
import { runLoad } from '../load/run-load.js'
import { peerNamed } from '../peers/index.js'
import type { Stores } from '../peers/peer.js'
import { answerQuestions } from './child.js'

/** What the processes of the bench do, by the role that a `Child` was started with. */
export const ROLES: Readonly<Record<string, (argument: never) => Promise<void>>> = {
  /** Runs loads of one peer. */
  async peer({ peer, stores }: { readonly peer: string; readonly stores: Stores }) {
    const opened = await peerNamed(peer).open(stores)
    answerQuestions(
      (load: Load) => runLoad(opened, load),
      () => opened.close(),
    )
  },
}
