// The door to the locks: nothing else of lib/lock is imported from outside.
export type { Holding } from '../engine/holdings.js'
export type { Rewriting } from '../extend/rewrite.js'
export type { GuardResult, Held, HeldLock, HeldLocks, NotWritten } from '../hold/held-lock.js'
export type { ChangeMapper } from '../observe/change-mapper.js'
export type { EventFeed } from '../observe/event-feed.js'
export type {
  AcquiredAllOptions,
  AcquiredOptions,
  AcquireOptions,
  HoldAllOptions,
  HoldOptions,
  LockRequest,
  ShortcutOptions,
  TryOptions,
} from '../options/acquire-options.js'
export { checkId, checkReason, checkWait, isOwner, LONGEST_OWNER } from '../options/check-arguments.js'
export type { LockArgs, LockInstanceOptions, LockOptions } from '../options/lock-options.js'
export { cookbookLock } from './cookbook-lock.js'
export { getLockInstance } from './get-lock-instance.js'
export { Lock } from './lock.js'
export type { LockReader } from './lock-reader.js'
export { LockService } from './lock-service.js'
export { NoLock } from './no-lock.js'
