import type { Logger } from 'pino'
import { resolveEndpoints } from '../../config/etcd-options.js'
import type { LockConfig } from '../../config/schema.js'
import { validateConfig } from '../../config/validate.js'
import { openEtcdStore } from '../../store/etcd/open-etcd-store.js'
import type { Store } from '../../store/store.js'
import { Engine } from './engine.js'
import { type Host, systemHost } from './host.js'

/** The engine on the caller's store, or on a connection of its own. @throws LockConfigError, LockError when etcd3 cannot be loaded. */
export async function openEngine({
  config,
  store,
  logger,
  host = systemHost,
}: {
  readonly config?: LockConfig
  readonly store?: Store
  readonly logger: Logger
  readonly host?: Host
}): Promise<Engine> {
  if (store) return new Engine(borrowed(store), host, logger)
  const checked = validateConfig(config ?? {}, 'config')
  for (const warning of checked.warnings) logger.warn(warning)
  const warn = (message: string): void => logger.warn(message)
  const options = await resolveEndpoints(checked.config, { warn })
  return new Engine(await openEtcdStore(options, warn), host, logger)
}

/** A store that somebody else closes. */
function borrowed(store: Store): Store {
  return {
    commit: (transaction, options) => store.commit(transaction, options),
    watch: (range, listener) => store.watch(range, listener),
    leases: store.leases,
    close: () => Promise.resolve(),
  }
}
