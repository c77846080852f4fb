import type { BackendNeeds } from '../backends/backends.js'
import type { Peer } from '../peers/peer.js'

/** One load, which all peers run in turns. */
export interface Variant extends Pick<BackendNeeds, 'members' | 'etcds'> {
  /** For example `64 names`. */
  readonly name: string
  readonly processes: number
  /** Of all processes together. */
  readonly clients: number
  /** How many different locks they take. */
  readonly names: number
  /** How many of them in each turn; 1 when it is not given. */
  readonly take?: number
  /** Milliseconds of each holding; a turn of the event loop when it is not given. */
  readonly holdMs?: number
  /** `all-served`: each client holds once. When it is not given, the load lasts for a time. */
  readonly until?: 'time' | 'all-served'
  /** Whether all clients wait in the queue before the time begins, each round with processes of its own. */
  readonly gathers?: boolean
  /**
   * How many times as long as in other loads the processes of the peers that are compared take to settle; 1 when it is not given. V8
   * goes by how often its code has run.
   */
  readonly settles?: number
  /** Whether it takes long: only a whole run has it, for two rounds. */
  readonly isLarge?: boolean
  /** Whether CI runs it. */
  readonly isGate?: boolean
  /** Those that run this load; all of the scenario's when it is not given. */
  readonly peers?: readonly Peer[]
}
