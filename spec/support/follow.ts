import { expect } from '@jest/globals'
import type { Lock, LockEvent } from '../../lib/index.js'
import { freshName } from './etcd.js'
import { eventually } from './eventually.js'

const terms = { concurrency: 1, ttl: 30 }

/** Follows the events until the end of the test. Resolves when no later one can be missed. */
export async function follow(lock: Lock, only?: string): Promise<LockEvent[]> {
  const told: LockEvent[] = []
  void (async () => {
    for await (const event of lock.events(only)) told.push(event)
  })().catch(() => {})
  const marker = only ?? `spicerack.${freshName()}`
  let id: string | undefined
  await eventually(async () => {
    await lock.release(marker, (id = await lock.acquire(marker, terms)))
    expect(told.length).toBeGreaterThan(0)
  })
  await eventually(() => expect(told).toContainEqual(expect.objectContaining({ type: 'released', id })))
  told.length = 0
  return told
}

/** Who did what, in words. */
export const types = (told: readonly LockEvent[]): string[] =>
  told.map(({ type, owner }) => `${owner} ${type}`)
