import { describe, expect, it } from '@jest/globals'
import { type Intent, MOST_JOINS, nextTurn } from '../../../lib/lock/engine/turn.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { compose } from '../../../lib/protocol/compose.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { applyResult, emptySnapshot, keyLocksOf, type Snapshot } from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')
const nothing = emptySnapshot(key)

function join(uuid: string, from = nothing, isAlone = false): Intent {
  const terms = { uuid, owner: 'tester', concurrency: 0, ttl: 30, holderLease: '1', ticketLease: '2' }
  const request = { ...terms, handoffAllowed: true }
  return { kind: 'join', uuid, join: { request, created: now, extraOps: [] }, from, isAlone }
}

function release(uuid: string, from: Snapshot, mostSuccessors = Infinity, isAlone = false): Intent {
  return { kind: 'release', uuid, mostSuccessors, from, isAlone }
}

/** As after a transaction that has granted it to these. */
function heldBy(...uuids: string[]): Snapshot {
  const joins = uuids.map(uuid => join(uuid)).flatMap(each => (each.kind === 'join' ? [each.join] : []))
  const wanted = { releases: [], joins, mostSuccessors: 0, isLocal: () => false }
  const { transaction } = compose(nothing, wanted, now)
  return applyResult(nothing, transaction, new KeySpace(() => true).run(transaction).result)
}

/** So many readers behind a writer. */
function waitedFor(count: number): Snapshot {
  const waiting = Array.from({ length: count }, (_, at) => {
    const value = JSON.stringify({
      concurrency: 0,
      created: String(now),
      owner: 'waiter',
      ttl: 30,
      lease: '7',
    })
    const revision = BigInt(2 + at)
    const kv = {
      key: key.ticket(`t${at}`),
      value,
      lease: '2',
      createRevision: revision,
      modRevision: revision,
    }
    return [`t${at}`, kv] as const
  })
  const { keyLocks, ...held } = heldBy('w')
  const value = keyLocks!.value.replace(/"concurrency": ?0/, '"concurrency": 1')
  return { ...held, keyLocks: { ...keyLocks!, value }, tickets: new Map(waiting), isWhole: true }
}

const turnOf = (line: Intent[], cached = nothing) => nextTurn(line, cached, now, () => false)
const idsOf = (intents: readonly Intent[] = []): string[] => intents.map(({ uuid }) => uuid)

describe('The next turn', () => {
  it('takes releases and joins that have come, in their order', () => {
    const line = [join('c'), release('a', heldBy('a', 'b')), join('d'), release('b', nothing)]
    const { turn, unseen } = turnOf(line)
    expect([idsOf(turn!.taken), unseen]).toEqual([['c', 'a', 'd', 'b'], []])
    expect(turn!.composition.released.map(({ uuid }) => uuid)).toEqual(['a', 'b'])
  })

  it('goes by the newest that any of them, or the process, has seen', () => {
    const [old, held] = [
      { ...nothing, revision: 1n },
      { ...heldBy('a'), revision: 2n },
    ]
    expect(turnOf([release('a', old)], held).unseen).toEqual([])
    expect(turnOf([release('a', held)], old).unseen).toEqual([])
    expect(idsOf(turnOf([release('a', held)], { ...nothing, revision: 3n }).unseen)).toEqual(['a'])
  })

  it('leaves out releases of holders that nothing shows, and takes the others', () => {
    const { turn, unseen } = turnOf([release('x', nothing), join('a')])
    expect([idsOf(unseen), idsOf(turn!.taken)]).toEqual([['x'], ['a']])
    expect(turnOf([release('x', nothing)]).turn).toBeUndefined()
  })

  it('takes no id twice', () => {
    const held = heldBy('a')
    expect(idsOf(turnOf([release('a', held), join('a'), release('a', held), join('b')]).turn!.taken)).toEqual(
      ['a', 'b'],
    )
  })

  it('takes no more than etcd does', () => {
    const held = heldBy(...Array.from({ length: 40 }, (_, at) => `h${at}`))
    const line = [
      ...[...held.holders.keys()].map(uuid => release(uuid, held)),
      ...Array.from({ length: 40 }, (_, at) => join(`j${at}`)),
    ]
    const { taken, composition } = turnOf(line).turn!
    expect(taken.filter(({ kind }) => kind === 'release')).toHaveLength(32)
    expect(taken.filter(({ kind }) => kind === 'join')).toHaveLength(MOST_JOINS)
    const { compare, success, failure } = composition.transaction
    expect(Math.max(compare.length, success.length, failure.length)).toBeLessThanOrEqual(128)
  })

  it('hands the lock to no more than etcd takes beside the others, and at once to many', () => {
    const seen = waitedFor(80)
    const line = [release('w', seen), ...Array.from({ length: MOST_JOINS }, (_, at) => join(`j${at}`))]
    const { successors, transaction } = turnOf(line, seen).turn!.composition
    const { compare, success, failure } = transaction
    expect(successors).toHaveLength(41)
    expect(Math.max(compare.length, success.length, failure.length)).toBeLessThanOrEqual(128)
    expect(turnOf([release('w', seen)], seen).turn!.composition.successors).toHaveLength(48)
  })

  it.each([101, 300])(
    'hands the lock over beside holder keys whose entries were deleted by hand: every other of %d',
    count => {
      const named = (at: number): string => `h${String(at).padStart(3, '0')}`
      const held = heldBy(...Array.from({ length: count }, (_, at) => named(at)))
      const keyLocks = keyLocksOf(held)
      for (let at = 1; at < count; at += 2) keyLocks.remove(named(at))
      const queue = waitedFor(60).tickets
      const byHand = { ...held.keyLocks!, value: keyLocks.toJson() }
      const seen = { ...held, keyLocks: byHand, tickets: queue }
      const { composition } = turnOf([release(named(0), seen)], seen).turn!
      const { compare, success, failure } = composition.transaction
      expect(Math.max(compare.length, success.length, failure.length)).toBeLessThanOrEqual(128)
      expect(composition.successors.length > 0).toBe(count === 101)
    },
  )

  it('hands the lock over though nobody leaves, where it is told to and somebody fits', () => {
    const seen = { ...waitedFor(3), keyLocks: undefined, holders: new Map() }
    const handOver = (line: Intent[], cached: Snapshot) => nextTurn(line, cached, now, () => false, true).turn
    expect(turnOf([], seen).turn).toBeUndefined()
    expect(turnOf([join('j')], seen).turn!.composition.successors).toEqual([])
    const turn = handOver([], seen)!
    expect([turn.taken, turn.before, turn.composition.successors]).toEqual([[], seen, ['t0', 't1', 't2']])
    expect(handOver([join('j')], seen)!.composition.successors).toHaveLength(3)
    expect(handOver([], waitedFor(3))).toBeUndefined()
  })

  it('hands the lock over before what is to travel alone, which stays where it is', () => {
    const seen = { ...waitedFor(3), keyLocks: undefined, holders: new Map() }
    const line = [join('a', nothing, true), join('b', nothing, true), join('c')]
    const { turn, left } = nextTurn(line, seen, now, () => false, true)
    expect([turn!.taken, turn!.composition.successors, idsOf(left)]).toEqual([
      [],
      ['t0', 't1', 't2'],
      ['a', 'b', 'c'],
    ])
  })

  it('takes alone what is to travel alone, and nothing of that into the turns of others', () => {
    expect(idsOf(turnOf([join('a', nothing, true), join('b')]).turn!.taken)).toEqual(['a'])
    expect(idsOf(turnOf([join('b'), join('a', nothing, true), join('c')]).turn!.taken)).toEqual(['b', 'c'])
  })

  it('hands over to no more than each of its releases may', () => {
    const held = heldBy('a', 'b')
    const value = JSON.stringify({ concurrency: 0, created: String(now), owner: 'w', ttl: 30, lease: '9' })
    const kv = { key: key.ticket('w'), value, createRevision: 9n, modRevision: 9n, lease: '9' }
    const queued = { ...held, tickets: new Map([['w', kv]]) }
    expect(turnOf([release('a', queued), release('b', queued)]).turn!.composition.successors).toEqual(['w'])
    expect(turnOf([release('a', queued), release('b', queued, 0)]).turn!.composition.successors).toEqual([])
  })

  it('lets join by the guess that costs nothing, where what is seen lets nobody in', () => {
    const ticket = { key: key.ticket('w'), value: '', createRevision: 9n, modRevision: 9n, lease: '9' }
    const queued = { ...heldBy('a'), tickets: new Map([['w', ticket]]) }
    expect(turnOf([join('b')], queued).turn!.before).toEqual(nothing)
    expect(turnOf([join('b')], heldBy('a')).turn!.before).toEqual(heldBy('a'))
  })
})
