/** What each client of a process does for a while: acquire, hold, release, again. */
export interface Load {
  /** The clients of all processes take these in turn: as many as clients, or one that all want. */
  readonly names: readonly string[]
  /** Clients in this process. */
  readonly clients: number
  /** The first of them is the client of this number among those of all processes. */
  readonly firstClient: number
  readonly warmSeconds: number
  readonly seconds: number
}

/** What a process tells of a load, of the time after the warm-up. */
export interface Measured {
  /** Milliseconds of each acquisition, from the call until it is held. */
  readonly waits: Float64Array
  /** Milliseconds of each acquisition and its release. */
  readonly cycles: Float64Array
  /** When each holding began and ended, milliseconds of the machine's monotonic clock, by the name. */
  readonly holdings: Readonly<Record<string, Float64Array>>
  /** How often each client held. */
  readonly served: readonly number[]
  /** Of the process, user and system. */
  readonly cpuMs: number
  readonly ms: number
}
