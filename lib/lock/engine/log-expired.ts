import type { Logger } from 'pino'
import type { ConcurrentLock } from '../../model/concurrent-lock.js'
import type { LockKey } from '../../protocol/lock-key.js'

export function logExpired(log: Logger, key: LockKey, expired: readonly ConcurrentLock[]): void {
  for (const { uuid, owner } of expired) {
    log.info({ key: key.path, id: uuid, owner }, 'Releasing expired lock')
  }
}
