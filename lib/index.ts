export { type LockConfig } from './config/schema.js'
export {
  type AcquiredAllOptions,
  type AcquiredOptions,
  type AcquireOptions,
  type ShortcutOptions,
  type HoldAllOptions,
  type HoldOptions,
  type LockRequest,
  type TryOptions,
  type WaitStatus,
} from './lock/options/acquire-options.js'
export { cookbookLock } from './lock/api/cookbook-lock.js'
export { getLockInstance } from './lock/api/get-lock-instance.js'
export {
  type GuardResult,
  type Held,
  type HeldLock,
  type HeldLocks,
  type NotWritten,
} from './lock/hold/held-lock.js'
export { Lock } from './lock/api/lock.js'
export { type LockArgs, type LockInstanceOptions, type LockOptions } from './lock/options/lock-options.js'
export { type HolderState, type LockState, type WaiterState } from './lock/observe/lock-state.js'
export { NoLock } from './lock/api/no-lock.js'
export {
  ConcurrentLock,
  type ConcurrentLockDict,
  type ConcurrentLockFields,
} from './model/concurrent-lock.js'
export * from './model/constants.js'
export * from './model/errors.js'
export { KeyLocks, type Liveness } from './model/key-locks.js'
export { Timestamp } from './model/timestamp.js'
export { type LockEvent } from './protocol/lock-event.js'
export { type GuardedWrite } from './protocol/guard.js'
export { type Compare, type Op, type TransactionResult } from './kv/transaction.js'
export { type Store } from './store/store.js'
