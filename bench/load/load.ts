import type { Used } from './meter.js'

/** What each client of a process does for a while: acquire, hold, release, again. */
export interface Load {
  /** The clients of all processes take these in turn: as many as clients, or one that all want. */
  readonly names: readonly string[]
  /** How many of the names each acquisition takes: one, which is always the same, or so many at random. */
  readonly take: number
  /** Clients in this process. */
  readonly clients: number
  /** The first of them is the client of this number among those of all processes. */
  readonly firstClient: number
  /** Milliseconds that each holding lasts; 0 is one turn of the event loop, since only what lasts can overlap. */
  readonly holdMs: number
  /** How long it lasts: for a time, or until each client has held once. */
  readonly until: 'time' | 'all-served'
  /** Whether all clients wait behind one holder before the time begins. What they still wait for at its end is left. */
  readonly gathers: boolean
  readonly warmSeconds: number
  readonly seconds: number
  /** Etcds whose traffic this process tells; one of the processes does. */
  readonly endpoints: readonly string[]
}

/** What one client has done. */
export interface Turns {
  /** How many clients like this one may hold at once. */
  readonly limit: number
  /** Whether its turns are told apart from those of the others, as a writer's among readers. */
  readonly isApart: boolean
  /** After the warm-up: milliseconds of each acquisition, from the call until it is held. All of those that are told apart. */
  readonly waits: Float64Array
  /** After the warm-up: milliseconds of each acquisition and its release, without the holding. */
  readonly cycles: Float64Array
  /** When each holding began and ended, milliseconds of the machine's monotonic clock, by the name. */
  readonly holdings: Readonly<Record<string, Float64Array>>
}

/** What a process tells of a load: what was used is that of the time after the warm-up. */
export interface Measured extends Used {
  readonly clients: readonly Turns[]
}
