import type { Logger } from 'pino'
import { resolveEndpoints } from '../../config/etcd-options.js'
import type { LockConfig } from '../../config/schema.js'
import { validateConfig } from '../../config/validate.js'
import { openEtcdStore } from '../../store/etcd/open-etcd-store.js'
import type { Store } from '../../store/store.js'
import { type Clock, systemClock } from '../../time/clock.js'
import { Engine } from './engine.js'

/** The engine on the caller's store, or on a connection of its own. @throws LockConfigError, LockError when etcd3 cannot be loaded. */
export async function openEngine({
  config,
  store,
  logger,
  clock = systemClock,
}: {
  readonly config?: LockConfig
  readonly store?: Store
  readonly logger: Logger
  readonly clock?: Clock
}): Promise<Engine> {
  if (store) return new Engine(borrowed(store), clock, logger)
  const checked = validateConfig(config ?? {}, 'config')
  for (const warning of checked.warnings) logger.warn(warning)
  const warn = (message: string): void => logger.warn(message)
  const options = await resolveEndpoints(checked.config, { warn })
  return new Engine(await openEtcdStore(options, warn), clock, logger)
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
