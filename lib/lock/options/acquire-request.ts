import { ConcurrentLock } from '../../model/concurrent-lock.js'
import { type LockIds, newLockId } from '../../model/lock-ids.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { lockKey } from '../../protocol/lock-name.js'
import { checkSet } from '../../protocol/lock-set.js'
import {
  type AcquireOptions,
  type HoldAllOptions,
  type HoldOptions,
  type LockRequest,
  type MonitorOptions,
  monitorOptionsOf,
  waitMsOf,
} from './acquire-options.js'
import { checkOptionsOf, checkRequests } from './check-options.js'
import { checkOwner } from './check-arguments.js'
import type { LockTarget } from './lock-target.js'

/** The owner that asks for locks, and their prefix. */
export interface Asker {
  readonly prefix: string
  readonly owner: string
  /** Makes the id, which is to be given back; when not given, nothing can be held under it. */
  readonly ids?: LockIds
}

/** A checked request for one lock or several, under a new id. All doors to the locks make their requests here. */
export interface AcquireRequest {
  readonly id: string
  readonly targets: readonly LockTarget[]
  /** How the handle looks after each lock. */
  readonly monitoring: readonly MonitorOptions[]
  /** Milliseconds; 0 tries once. */
  readonly waitMs: number
}

/** @throws InvalidLockError naming what is wrong. */
export function requestOne(
  call: 'acquire' | 'hold',
  asker: Asker,
  name: string,
  options: AcquireOptions & HoldOptions,
): AcquireRequest {
  const key = lockKey(asker.prefix, name)
  checkOptionsOf(call, options)
  return requestOf(asker, [key], [options], options)
}

/** @throws InvalidLockError naming what is wrong. */
export function requestAll(
  asker: Asker,
  requests: readonly LockRequest[],
  options: HoldAllOptions,
): AcquireRequest {
  checkRequests(requests)
  checkOptionsOf('acquireAll', options)
  const names = requests.map(({ name }) => name)
  const keys = names.map(name => lockKey(asker.prefix, name))
  checkSet(names)
  return requestOf(asker, keys, requests, options)
}

function requestOf(
  { owner, ids }: Asker,
  keys: readonly LockKey[],
  wanted: readonly Pick<LockRequest, 'concurrency' | 'ttl'>[],
  options: HoldAllOptions,
): AcquireRequest {
  checkOwner(owner)
  for (const { concurrency, ttl } of wanted) ConcurrentLock.check({ owner, concurrency, ttl })
  const monitoring = wanted.map(({ ttl }) => monitorOptionsOf(ttl, options))
  const waitMs = waitMsOf(options)
  // Last: it is to be given back, and what is refused never gets that far.
  const id = ids ? ids.take(keys.map(({ path }) => path)) : newLockId()
  const targets = keys.map((key, at) => {
    const { concurrency, ttl } = wanted[at]!
    return { key, terms: { uuid: id, owner, concurrency, ttl, renewed: options.keepAlive ?? false } }
  })
  return { id, targets, monitoring, waitMs }
}
