/** PEM. Without `ca` the roots that Node trusts are trusted. */
export interface Certificates {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

/** How to reach etcd. */
export interface EtcdOptions {
  /** All of one scheme, for example `['https://etcd1.example:2379']`. */
  readonly endpoints: readonly string[]
  /** Asks for the endpoints anew, where they may change, of the same scheme. Does not reject. */
  readonly lookUp?: () => Promise<readonly string[]>
  /** What each new connection uses, for https. Does not throw. */
  readonly tls?: () => Certificates
  readonly auth?: { readonly username: string; readonly password: string }
  /** Deadline of one call, milliseconds. */
  readonly callTimeoutMs: number
  /** Whether another endpoint is tried when one fails. */
  readonly failover: boolean
}
