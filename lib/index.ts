export { type LockConfig } from './config/schema.js'
export {
  type AcquiredAllOptions,
  type AcquiredOptions,
  type AcquireOptions,
  cookbookLock,
  getLockInstance,
  type GuardResult,
  type Held,
  type HeldLock,
  type HeldLocks,
  type HoldAllOptions,
  type HoldOptions,
  Lock,
  type LockArgs,
  type LockInstanceOptions,
  type LockOptions,
  type LockRequest,
  NoLock,
  type NotWritten,
  type ShortcutOptions,
  type TryOptions,
} from './lock/api/index.js'
export {
  ConcurrentLock,
  type ConcurrentLockDict,
  type ConcurrentLockFields,
} from './model/concurrent-lock.js'
export * from './model/constants.js'
export * from './model/errors.js'
export { KeyLocks, type Liveness } from './model/key-locks.js'
export { type HolderState, type LockState, type WaiterState, type WaitStatus } from './model/lock-state.js'
export { Timestamp } from './model/timestamp.js'
export { type LockEvent } from './protocol/lock-event.js'
export { type GuardedWrite } from './protocol/guard.js'
export {
  type KeyEvent,
  type KeyRange,
  type KeyValue,
  type LeaseId,
  type WatchedRange,
} from './kv/key-value.js'
export {
  type Compare,
  type Delete,
  type Op,
  type OpResult,
  type Put,
  type Range,
  type Transaction,
  type TransactionResult,
} from './kv/transaction.js'
export {
  type CallOptions,
  type GrantedLease,
  type Leases,
  type RemainingLease,
  type Store,
  type Watch,
  type WatchListener,
} from './store/store.js'
export { StoreError, type StoreErrorReason } from './store/store-error.js'
