/**
 * Why a call of a `Store` failed, and what may have become of a write:
 *
 * - `unreachable`: no answer came. A write may or may not have been applied.
 * - `lease-not-found`: a put named a lease that is gone. Nothing was applied.
 * - `refused`: etcd refused (permission, authentication, a malformed call). Nothing was applied.
 * - `closed`: the store was closed before the call. Nothing was applied.
 */
export type StoreErrorReason = 'unreachable' | 'lease-not-found' | 'refused' | 'closed'

/** The only error that a `Store` rejects with. */
export class StoreError extends Error {
  override readonly name = 'StoreError'

  constructor(
    readonly reason: StoreErrorReason,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}

export function isStoreError(error: unknown, reason?: StoreErrorReason): error is StoreError {
  return error instanceof StoreError && (reason === undefined || error.reason === reason)
}

const NO_SPACE = /database space exceeded/

/**
 * Whether etcd has said that it applied nothing. That its space is used up it says also of what it has just applied, when the
 * space ran out in between (`quotaApplierV3` in etcd's source).
 */
export function isProvenRefusal(error: unknown): error is StoreError {
  if (isStoreError(error, 'refused')) return !NO_SPACE.test(error.message)
  return isStoreError(error, 'lease-not-found')
}

/** Whether etcd says that its space is used up: it takes deletes then. See {@link isProvenRefusal}. */
export function isOutOfSpace(error: unknown): boolean {
  return isStoreError(error, 'refused') && !isProvenRefusal(error)
}

/** For the `catch` of a call whose failure is one of its answers. @throws whatever is no StoreError, as it is. */
export function asStoreError(error: unknown): StoreError {
  if (isStoreError(error)) return error
  throw error
}
