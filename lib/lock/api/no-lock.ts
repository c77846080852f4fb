import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { KeyLocks } from '../../model/key-locks.js'
import type { LockState } from '../../model/lock-state.js'
import { printAs } from '../../model/printed.js'
import type { LockEvent } from '../../protocol/lock-event.js'
import { lockKey } from '../../protocol/lock-name.js'
import type { AcquireOptions, HoldAllOptions, HoldOptions, LockRequest } from '../options/acquire-options.js'
import { type AcquireRequest, requestAll, requestOne } from '../options/acquire-request.js'
import { checkOptionsOf } from '../options/check-options.js'
import { LockShortcuts } from './lock-shortcuts.js'
import type { HeldLock, HeldLocks } from '../hold/held-lock.js'
import { checkId, checkReason, checkTtl } from '../options/check-arguments.js'
import type { Lock } from './lock.js'
import { type NoopTerms, NoopLockHandle, NoopLockSetHandle } from '../hold/noop-lock-handle.js'

/** A stand-in by which calls are checked: a NoLock refuses what a Lock refuses. */
const NOBODY = { prefix: COOKBOOKS_CUSTOM_PREFIX, owner: 'nobody' }

/**
 * A {@link Lock} that locks nothing, where locking is disabled by configuration. It checks its arguments as a Lock of the
 * prefix `custom` does, with the same errors, but for the prefix of `list`: it does not know which prefixes are allowed. It
 * never talks to etcd. Its ids are empty, and its handles are never lost before their ttl.
 */
export class NoLock extends LockShortcuts implements Pick<Lock, keyof Lock> {
  readonly prefix = ''
  readonly owner = ''
  readonly dryRun = true

  static {
    printAs(this, 'NoLock', ({ dryRun }) => ({ dryRun }))
  }

  get(name: string): Promise<KeyLocks> {
    return after(
      () => checkName(name),
      () => new KeyLocks(name),
    )
  }

  acquire(name: string, options: AcquireOptions): Promise<string> {
    return after(
      () => requestOne('acquire', NOBODY, name, options),
      () => '',
    )
  }

  hold(name: string, options: HoldOptions): Promise<HeldLock> {
    return after(
      () => requestOne('hold', NOBODY, name, options),
      request => new NoopLockHandle(name, name, unlocked(request)),
    )
  }

  acquireAll(requests: readonly LockRequest[], options: HoldAllOptions = {}): Promise<HeldLocks> {
    return after(
      () => requestAll(NOBODY, requests, options),
      request => {
        const names = request.targets.map(({ key }) => key.name)
        return new NoopLockSetHandle(names, names, unlocked(request))
      },
    )
  }

  release(_name: string, _id: string): Promise<void> {
    return Promise.resolve()
  }

  extend(name: string, id: string, ttl: number): Promise<void> {
    return after(() => {
      checkName(name)
      checkEmptyOr(id)
      checkTtl(ttl)
    })
  }

  forceRelease(name: string, id: string, options: { readonly reason: string }): Promise<void> {
    return after(() => {
      checkName(name)
      checkEmptyOr(id)
      checkOptionsOf('forceRelease', options)
      checkReason(options.reason)
    })
  }

  events(name?: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<LockEvent, void> {
    checkOptionsOf('events', options)
    if (name !== undefined) checkName(name)
    return nothing()
  }

  inspect(name: string): Promise<LockState> {
    return after(
      () => checkName(name),
      () => ({ prefix: '', name, key: name, holders: [], waiters: [] }),
    )
  }

  list(options: { readonly prefix?: string } = {}): Promise<LockState[]> {
    return after(
      () => checkOptionsOf('list', options),
      () => [],
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** Rejects with what `check` throws. */
function after<C, T = void>(check: () => C, answer?: (checked: C) => T): Promise<T> {
  return new Promise(resolve => {
    const checked = check()
    resolve(answer?.(checked) as T)
  })
}

function checkName(name: string): void {
  lockKey(NOBODY.prefix, name)
}

/** A NoLock gives out empty ids. */
function checkEmptyOr(id: string): void {
  if (id !== '') checkId(id)
}

/** Where nothing is locked, nothing is lost either. */
function unlocked({ targets }: AcquireRequest): NoopTerms {
  const ttl = Math.min(...targets.map(({ terms }) => terms.ttl))
  return { owner: '', id: '', ttl, keepAlive: true, expiringMs: 0 }
}

async function* nothing(): AsyncGenerator<never, void> {}
