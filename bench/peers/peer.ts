/** Where the stores are that peers use. */
export interface Stores {
  readonly etcd: string
  /** `host:port` by how Redis syncs its log to disk: `none` never, `always` at each write, as etcd does. */
  readonly redis?: { readonly none: string; readonly always: string }
}

/** A way to hold an exclusive lock that is measured. */
export interface Peer {
  readonly name: string
  /** @param stores where to connect; called in the process that is measured. */
  open(stores: Stores): Promise<PeerProcess>
}

/** One peer in one process. */
export interface PeerProcess {
  /** One user of locks. Its calls come one after the other. */
  client(): Promise<PeerClient>
  close(): Promise<void>
}

export interface PeerClient {
  /** Waits for the lock. Resolves, once it is held, to its release. */
  acquire(name: string): Promise<() => Promise<void>>
}
