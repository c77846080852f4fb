import { describe, expect, it } from '@jest/globals'
import type { KeyEvent } from '../../../lib/kv/key-value.js'
import { QueueNews } from '../../../lib/lock/acquire/queue-news.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot } from '../../../lib/protocol/snapshot.js'

const key = new LockKey('custom', 'name')
const seen = { ...emptySnapshot(key), revision: 5n }

function put(path: string, value: string, revision: bigint): KeyEvent {
  const kv = { key: path, value, createRevision: revision, modRevision: revision, lease: '1' }
  return { type: 'put', kv }
}

function grantOf(concurrency: number): KeyEvent {
  const terms = { concurrency, created: '2026-01-01 00:00:00.000000+00:00', owner: 'us', ttl: 60 }
  return put(key.holder('us'), JSON.stringify(terms), 10n)
}

describe.each([1, 2])('News of a grant with a limit of %i', concurrency => {
  const grant = grantOf(concurrency)
  const marker = (revision: bigint) => put(key.forced('us'), '{"by":"them","reason":""}', revision)
  const isHeld = (...events: KeyEvent[]): boolean => {
    const news = new QueueNews('us')
    for (const event of events) news.add([event])
    return news.apply([seen])[0]!.holders.has('us')
  }

  it('say that it holds', () => {
    expect(isHeld(grant)).toBe(true)
  })

  it('and of a release by force after it say that it does not, in whichever order two watches tell of them', () => {
    expect([isHeld(grant, marker(20n)), isHeld(marker(20n), grant)]).toEqual([false, false])
  })

  it('and of a release by force before it say that it holds', () => {
    expect([isHeld(grant, marker(7n)), isHeld(marker(7n), grant)]).toEqual([true, true])
  })
})
