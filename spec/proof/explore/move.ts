import type { Client } from './client.js'
import type { World } from './world.js'

/** One thing that can happen next. */
export interface Move {
  readonly text: string
  /** Does it, to a copy. @throws Violation */
  readonly make: (world: World) => void
}

/** What a move does to its client. */
export type Deed = (world: World, client: Client) => void
