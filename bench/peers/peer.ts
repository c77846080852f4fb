/** Where the stores are that peers use. */
export interface Stores {
  readonly etcd: string
  /** `host:port` by how Redis syncs its log to disk: `none` never, `always` at each write, as etcd does. */
  readonly redis?: { readonly none: string; readonly always: string }
}

/** A way to hold a lock that is measured. */
export interface Peer {
  readonly name: string
  /** Of Node, for its processes. */
  readonly flags?: readonly string[]
  /** @param stores where to connect; called in the process that is measured. */
  open(stores: Stores): Promise<PeerProcess>
}

/** One peer in one process. */
export interface PeerProcess {
  /** One user of locks, of this number among those of all processes. Its calls come one after the other. */
  client(number: number): Promise<PeerClient>
  /** How many wait for a lock; only where that can be asked. */
  waiting?(name: string): Promise<number>
  close(): Promise<void>
}

export interface PeerClient {
  /** Waits for these locks, of which there is one where nothing else is said. Resolves, once they are held, to their release. */
  acquire(names: readonly string[]): Promise<() => Promise<void>>
  /** How many such clients may hold at once; 1 when it is not given, Infinity for a reader. */
  readonly limit?: number
  /** Whether its turns are told apart from those of the others. */
  readonly isApart?: boolean
  /** Milliseconds between its turns. */
  readonly pauseMs?: number
}
