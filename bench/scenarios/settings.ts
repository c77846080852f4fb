/** How much of a scenario is run. */
export interface Settings {
  /**
   * `quick` leaves out what needs Redis, and is smaller where a scenario is large. `gate` runs only what CI compares: etcd's
   * Lock RPC and the loads of one process.
   */
  readonly mode: 'whole' | 'quick' | 'gate'
  /** How often each peer runs each load. */
  readonly rounds: number
  readonly warmSeconds: number
  readonly seconds: number
  /** Folder for profiles of the CPU of our own clients; none are made when it is not given. */
  readonly profiles?: string | undefined
}
