import { describe, expect, it } from '@jest/globals'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import {
  begin,
  type MonitorEffect,
  type MonitorEvent,
  type MonitorState,
  next,
} from '../../../lib/lock/hold/monitor-state.js'
import { Lease, sentNow } from '../../../lib/lock/leases/lease.js'
import { ManualClock } from '../../support/manual-clock.js'

const clock = new ManualClock()
const leaseOf = (id: string): Lease => new Lease(id, 60, 60, clock, sentNow(clock))
const [first, second, third] = [leaseOf('1'), leaseOf('2'), leaseOf('3')] as const
const { state: held, effects: atFirst } = begin(first, 10n)

const keyOn = (lease: string, modRevision: bigint): KeyValue => {
  return { key: 'holder', value: '', createRevision: 10n, modRevision, lease }
}

/** What the last of these events makes of it. */
function after(...events: readonly MonitorEvent[]): {
  state: MonitorState
  effects: readonly MonitorEffect[]
} {
  return events.reduce<{ state: MonitorState; effects: readonly MonitorEffect[] }>(
    ({ state }, event) => next(state, event),
    { state: held, effects: atFirst },
  )
}

const ended: MonitorEvent = { type: 'lease-ended', lease: first, isPastDeadline: false }
const deleted: MonitorEvent = { type: 'seen', kv: undefined }
const near: MonitorEvent = { type: 'tick', isNear: true }
const far: MonitorEvent = { type: 'tick', isNear: false }
const movingTo = (lease: Lease): MonitorEvent => ({ type: 'moving', lease })
const movedTo = (lease: Lease, revision: bigint): MonitorEvent => ({ type: 'moved', lease, revision })
const seen = (lease: string, revision: bigint): MonitorEvent => ({ type: 'seen', kv: keyOn(lease, revision) })
const located = (kv?: KeyValue): MonitorEvent => ({ type: 'located', lease: first, kv })

const typesOf = (effects: readonly MonitorEffect[]): string[] => effects.map(({ type }) => type)
const lossOf = ({ effects }: ReturnType<typeof after>): unknown => {
  expect(typesOf(effects)).toEqual(['lose'])
  return (effects[0] as Extract<MonitorEffect, { type: 'lose' }>).cause
}
const leasesOf = ({ effects }: ReturnType<typeof after>): unknown =>
  (effects[0] as Extract<MonitorEffect, { type: 'lose' }>).leases

describe('A holding', () => {
  it('is followed from its grant, and not watched before its first timer', () => {
    expect(held).toEqual({ kind: 'held', lease: first, revision: 10n, pending: [] })
    expect(typesOf(atFirst)).toEqual(['follow', 'schedule'])
    expect(after(far).effects).toEqual([{ type: 'watch' }, { type: 'schedule' }])
  })

  it('is told once to be near its deadline, and again when it was extended meanwhile', () => {
    const told = ['watch', 'tell-expiring', 'schedule']
    expect(after(near).state.kind).toBe('expiring')
    expect(typesOf(after(near).effects)).toEqual(told)
    expect(typesOf(after(near, near).effects)).toEqual(['watch', 'schedule'])
    expect(after(near, { type: 'recovered' })).toEqual({ state: held, effects: [] })
    expect(typesOf(after(near, { type: 'recovered' }, near).effects)).toEqual(told)
  })

  it('is lost at its deadline', () => {
    for (const before of [[], [near]]) {
      expect(lossOf(after(...before, { type: 'ran-out' }))).toEqual({ kind: 'expired' })
    }
  })

  it('is lost for the reason that its handle has found', () => {
    const cause = { kind: 'found', reason: 'closed', detail: 'why', currentToken: 7n } as const
    expect(lossOf(after({ type: 'lost', cause }))).toEqual(cause)
  })

  it('ends without a word when it is released', () => {
    const givesUp = (pending: Lease[]): object => ({
      state: { kind: 'over' },
      effects: [{ type: 'give-up', pending }],
    })
    expect(after({ type: 'ended' })).toEqual(givesUp([]))
    expect(after(movingTo(second), { type: 'ended' })).toEqual(givesUp([second]))
  })
})

describe('An extension', () => {
  it('may have been applied until its answer comes: the holding may be on either lease', () => {
    const { state, effects } = after(movingTo(second), movingTo(third))
    expect(state).toEqual({ ...held, pending: [second, third] })
    expect(effects).toEqual([{ type: 'schedule' }])
    expect(leasesOf(after(movingTo(second), { type: 'ran-out' }))).toEqual([first, second])
  })

  it('that is refused leaves the holding where it is', () => {
    expect(after(movingTo(second), { type: 'not-moving', lease: second }).state).toEqual(held)
  })

  it('moves the holding; those sent before it are never applied, those sent after it may be', () => {
    const { state, effects } = after(movingTo(second), movingTo(third), movedTo(second, 11n))
    expect(state).toEqual({ kind: 'held', lease: second, revision: 11n, pending: [third] })
    expect(effects).toEqual([{ type: 'follow', lease: second }, { type: 'schedule' }])
    expect(after(movingTo(second), movingTo(third), movedTo(third, 11n)).state).toMatchObject({ pending: [] })
  })

  it('that is told after a later one changes nothing', () => {
    const moved = after(movedTo(third, 12n))
    expect(after(movedTo(third, 12n), movedTo(second, 11n))).toEqual({ ...moved, effects: [] })
    expect(after(movedTo(third, 12n), seen('2', 11n))).toEqual({ ...moved, effects: [] })
  })

  it('of a handle whose answer was lost is told by the watch', () => {
    const { state, effects } = after(movingTo(second), seen('2', 11n))
    expect(state).toEqual({ kind: 'held', lease: second, revision: 11n, pending: [] })
    expect(typesOf(effects)).toEqual(['follow', 'schedule'])
  })

  it('by the id, elsewhere, is learnt of', () => {
    const adopt = { type: 'adopt', id: '9', revision: 11n }
    expect(after(seen('9', 11n))).toEqual({ state: held, effects: [adopt] })
    expect(after(seen('1', 11n))).toEqual({ state: held, effects: [] })
  })
})

describe('A lease that etcd has ended', () => {
  it('is no loss yet: the holding may be on another', () => {
    expect(after(ended)).toEqual({
      state: { ...held, kind: 'doubted' },
      effects: [{ type: 'locate', lease: first }],
    })
    expect(after(ended, located(keyOn('9', 11n))).effects).toEqual([
      { type: 'adopt', id: '9', revision: 11n },
    ])
    expect(after(ended, located(keyOn('9', 11n)), movedTo(second, 11n)).state).toMatchObject({ kind: 'held' })
  })

  it('is a loss when the holding is on no other, or etcd does not say in time', () => {
    for (const event of [located(), located(keyOn('1', 10n)), far, { type: 'ran-out' } as const]) {
      expect(lossOf(after(ended, event))).toEqual({ kind: 'lease-ended' })
    }
  })

  it('after its time is one that was not renewed', () => {
    expect(lossOf(after({ ...ended, isPastDeadline: true }))).toEqual({ kind: 'expired' })
  })

  it('does not matter when the holding has left it', () => {
    const moved = after(movedTo(second, 11n))
    expect(after(movedTo(second, 11n), ended)).toEqual({ ...moved, effects: [] })
    expect(after(ended, movedTo(second, 11n), located())).toEqual({ ...moved, effects: [] })
  })

  it('does not stop the clock of an answer that is awaited', () => {
    for (const event of [movingTo(second), { type: 'not-moving', lease: second } as const, ended]) {
      expect(after(ended, event).effects).toEqual([])
      expect(after(deleted, event).effects).toEqual([])
    }
  })
})

describe('A holder key that is deleted', () => {
  it('is the end of the holding, whatever is told later', () => {
    const gone = after(deleted)
    expect(gone).toEqual({ state: { ...held, kind: 'gone' }, effects: [{ type: 'explain', lease: first }] })
    for (const event of [seen('9', 11n), deleted, movedTo(second, 11n), ended]) {
      expect(after(deleted, event)).toEqual({ ...gone, effects: [] })
    }
  })

  it.each([
    ['a release by force', { marker: { by: 'ops', reason: 'why' }, lease: 'alive' }, { kind: 'released' }],
    ['a release', { marker: undefined, lease: 'alive' }, { kind: 'released' }],
    ['a lease that etcd has ended', { marker: undefined, lease: 'ended' }, { kind: 'lease-ended' }],
    ['a lease that was not renewed', { marker: undefined, lease: 'past-deadline' }, { kind: 'expired' }],
  ] as const)('is told to come of %s', (_, answer, cause) => {
    const { marker } = answer
    expect(lossOf(after(deleted, { type: 'explained', ...answer }))).toEqual({
      ...cause,
      ...(cause.kind === 'released' && { marker }),
    })
  })

  it('is told without a reason when etcd gives none in time', () => {
    for (const event of [far, { type: 'asked' } as const]) {
      expect(lossOf(after(deleted, event))).toEqual({ kind: 'key-gone' })
    }
  })

  it('is the end of its time when that is over, which is known without etcd', () => {
    expect(lossOf(after(deleted, { type: 'ran-out' }))).toEqual({ kind: 'expired' })
  })

  it('is not told because the holder asks while the key is there', () => {
    expect(after({ type: 'asked' }).effects).toEqual([])
  })
})

it.each<[string, MonitorEvent]>([
  ['a timer', near],
  ['its deadline', { type: 'ran-out' }],
  ['a lease that has ended', ended],
  ['an answer', located()],
  ['an explanation', { type: 'explained', marker: undefined, lease: 'alive' }],
  ['a watch', deleted],
  ['an extension that is sent', movingTo(second)],
  ['an extension that is answered', movedTo(second, 11n)],
  ['another loss', { type: 'lost', cause: { kind: 'expired' } }],
  ['a release', { type: 'ended' }],
])('What is lost is not touched by %s', (_, event) => {
  expect(after({ type: 'ran-out' }, event)).toEqual({ state: { kind: 'over' }, effects: [] })
})
