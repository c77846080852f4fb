import type { EtcdStore } from './etcd-store.js'
import { loadAuthenticator } from './load-authenticator.js'
import type { EtcdOptions } from './options.js'

let Store: typeof EtcdStore | undefined

/** Loads what speaks to etcd when it is needed, and not before. @throws LockError when a user is to sign in, and etcd3 cannot be loaded. */
export async function openEtcdStore(
  options: EtcdOptions,
  warn: (message: string) => void,
): Promise<EtcdStore> {
  if (options.auth) await loadAuthenticator()
  Store ??= (await import('./etcd-store.js')).EtcdStore
  return new Store(options, warn)
}
