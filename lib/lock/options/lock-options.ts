import type { Logger } from 'pino'
import type { LockConfig } from '../../config/schema.js'
import type { Store } from '../../store/store.js'

export interface LockOptions {
  /** How to reach etcd, see docs/configuration.md; http://127.0.0.1:2379 when neither this nor `store` is given. Connects at the first call. */
  readonly config?: LockConfig
  /**
   * Instead of `config`: a store of your own, which must pass `storeContract` of `spicelock/testing`. It stays open when this
   * lock is closed.
   */
  readonly store?: Store
  /** One of `ALLOWED_PREFIXES` or of `allowedPrefixes`. */
  readonly prefix: string
  /** The holder's name, for people: usually `user@host [pid]`; 1 to 1024 bytes. */
  readonly owner: string
  /** Reads and checks for real, never writes. On unless switched off, as in Spicerack. */
  readonly dryRun?: boolean
  /** More prefixes that may be used. */
  readonly allowedPrefixes?: readonly string[]
  /** Silent when not given. */
  readonly logger?: Logger
}

export interface LockInstanceOptions {
  /** A YAML file, over which `~/.etcdrc` is merged; null runs without locks. */
  readonly configFile: string | null
  readonly prefix: string
  readonly owner: string
  readonly dryRun?: boolean
  readonly allowedPrefixes?: readonly string[]
  readonly logger?: Logger
}

/** How a cookbook is locked for each of its runs; the defaults are those of Spicerack's cookbooks. */
export interface LockArgs {
  /** Tells apart runs that need not exclude each other, for example by data centre. */
  readonly suffix?: string
  readonly concurrency?: number
  /** Seconds; longer than a run is expected to take. */
  readonly ttl?: number
}
