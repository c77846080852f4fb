/** How much of a scenario is run. */
export interface Settings {
  /**
   * `quick` leaves out what needs Redis, and is smaller where a scenario is large. `gate` runs only what CI compares: etcd's
   * Lock RPC and the loads of one process.
   */
  readonly mode: 'whole' | 'quick' | 'gate'
  /** How often each peer runs each load. */
  readonly rounds: number
  /** Until the processes of a peer are as fast as they get: V8 compiles what runs often, for some seconds. */
  readonly settleSeconds: number
  /** In each round, until the queue has formed. */
  readonly warmSeconds: number
  readonly seconds: number
  /** Folder for profiles of the CPU of our own clients; none are made when it is not given. */
  readonly profiles?: string | undefined
}
