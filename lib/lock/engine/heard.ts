import { isStoreError } from '../../store/store-error.js'
import type { Store } from '../../store/store.js'

/** A store that tells of each answer of etcd, also of a refusal. */
export function heard(store: Store, onAnswer: () => void): Store {
  const onError = (error: unknown): void => {
    if (isStoreError(error, 'refused') || isStoreError(error, 'lease-not-found')) onAnswer()
  }
  // Told before the caller, who listens later to the same promise.
  const tell = <T>(call: Promise<T>): Promise<T> => {
    call.then(onAnswer, onError)
    return call
  }
  const { leases } = store
  return {
    commit: (transaction, options) => tell(store.commit(transaction, options)),
    watch: (range, listener) => store.watch(range, listener),
    leases: {
      grant: (ttl, options) => tell(leases.grant(ttl, options)),
      renew: (id, options) => tell(leases.renew(id, options)),
      remaining: (id, options) => tell(leases.remaining(id, options)),
      revoke: (id, options) => tell(leases.revoke(id, options)),
    },
    close: () => store.close(),
  }
}
