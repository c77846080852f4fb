import { describe, expect, it } from '@jest/globals'
import type { TransactionResult } from '../../../lib/kv/transaction.js'
import { IDLE, next, ticketOf } from '../../../lib/lock/engine/coordination.js'
import {
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorFacts,
  type CoordinatorState,
  entriesOf,
  type Next,
  type Send,
  type Tell,
} from '../../../lib/lock/engine/coordinator-state.js'
import { hasSuccessor, type Intent, MOST_JOINS, nextTurn } from '../../../lib/lock/engine/turn.js'
import { LockUnreadableError } from '../../../lib/model/errors.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot, readSnapshot, type Snapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'
import { StoreError } from '../../../lib/store/store-error.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')
const nothing = emptySnapshot(key)
const refusal = new StoreError('lease-not-found', 'The test ended a lease.')
const silence = new StoreError('unreachable', 'The test cut the line.')
const rideOver: Event = { kind: 'ride-over' }
const told: Event = { kind: 'told' }

type Event = CoordinatorEvent<Intent>
type State = CoordinatorState<Intent>

interface Situation {
  readonly cached?: Snapshot
  readonly hasWaiters?: boolean
}

function facts({ cached = nothing, hasWaiters = false }: Situation): CoordinatorFacts<Intent> {
  return {
    hasWaiters,
    nextTurn: (line, handsOver) => nextTurn(line, cached, now, () => false, handsOver),
    hasSuccessor: seen => hasSuccessor(seen, now),
  }
}

function join(uuid: string, { waits = true, ttl = 30, concurrency = 1, from = nothing } = {}): Intent {
  const request = {
    uuid,
    owner: 'tester',
    concurrency,
    ttl,
    holderLease: '1',
    ticketLease: waits ? '2' : undefined,
    handoffAllowed: true,
  }
  return { kind: 'join', uuid, join: { request, created: now, extraOps: [] }, from }
}

function release(uuid: string, from: Snapshot): Intent {
  return { kind: 'release', uuid, mostSuccessors: 16, from }
}

const wanted = (entry: Intent): Event => ({ kind: 'wanted', entry })

/** The state, and the last effect, after these events. */
function after(events: readonly Event[], situation: Situation = {}, from: State = IDLE): Next<Intent> {
  return events.reduce<Next<Intent>>(({ state }, event) => next(state, event, facts(situation)), {
    state: from,
    effect: { kind: 'none' },
  })
}

/** What etcd answers to a turn, when it has what the turn was composed from. */
function answerTo({ state }: Next<Intent>, etcd = new KeySpace(() => true)): Event {
  if (state.kind !== 'sent') throw new Error(`nothing is under way, but ${state.kind}`)
  return { kind: 'answer', result: etcd.run(state.turn.composition.transaction).result }
}

const linesOf = ({ state }: Next<Intent>): string[] => entriesOf(state).map(({ uuid }) => uuid)
const takenOf = ({ effect }: Next<Intent>): string[] => asSend(effect).turn.taken.map(({ uuid }) => uuid)

function asSend(effect: CoordinatorEffect<Intent>): Send<Intent> {
  if (effect.kind !== 'send') throw new Error(`not sent, but ${effect.kind}`)
  return effect
}

function asTell(effect: CoordinatorEffect<Intent>): Tell<Intent> {
  if (effect.kind !== 'tell') throw new Error(`not told, but ${effect.kind}`)
  return effect
}

/** Three turns in one etcd: a holds, b and c wait. */
function queue(): { etcd: KeySpace; seen: Snapshot } {
  const etcd = new KeySpace(() => true)
  let seen = nothing
  for (const uuid of ['a', 'b', 'c']) {
    const sent = after([wanted(join(uuid, { from: seen }))], { cached: seen })
    seen = asTell(after([answerTo(sent, etcd)], {}, sent.state).effect).after
  }
  return { etcd, seen }
}

describe('What a coordinator does next', () => {
  it('sends at once what comes first, and lets the others wait for the answer', () => {
    const first = after([wanted(join('a'))])
    expect(takenOf(first)).toEqual(['a'])
    const more = after([wanted(join('b')), wanted(join('c'))], {}, first.state)
    expect([more.effect.kind, linesOf(more)]).toEqual(['none', ['a', 'b', 'c']])
    const answered = after([answerTo(first)], {}, more.state)
    expect(answered.state.kind).toBe('answered')
    expect(takenOf(after([told], {}, answered.state))).toEqual(['b', 'c'])
  })

  it('changes no state that it was given', () => {
    const { state } = after([wanted(join('a')), wanted(join('b'))])
    expect(linesOf(after([wanted(join('c'))], {}, state))).toEqual(['a', 'b', 'c'])
    expect(linesOf(after([wanted(join('d'))], {}, state))).toEqual(['a', 'b', 'd'])
    expect(linesOf(after([], {}, state))).toEqual(['a', 'b'])
  })

  it('is idle when all is answered', () => {
    const sent = after([wanted(join('a'))])
    expect(after([answerTo(sent), told], {}, sent.state)).toEqual({ state: IDLE, effect: { kind: 'none' } })
  })

  it('takes what comes while it tells of an answer after those that came before', () => {
    const sent = after([wanted(join('a'))])
    const { state } = after([wanted(join('b')), answerTo(sent), wanted(join('c'))], {}, sent.state)
    expect(takenOf(after([told], {}, state))).toEqual(['b', 'c'])
  })

  describe('where this process waits already', () => {
    const waiting = { hasWaiters: true }

    it('lets a new ticket ride', () => {
      const { state, effect } = after([wanted(join('b')), wanted(join('c'))], waiting)
      expect([state.kind, effect.kind]).toEqual(['riding', 'ride'])
      expect(takenOf(after([rideOver], waiting, state))).toEqual(['b', 'c'])
    })

    it('lets a release take it along', () => {
      const { seen } = queue()
      const { state } = after([wanted(join('d'))], waiting)
      expect(takenOf(after([wanted(release('a', seen))], waiting, state))).toEqual(['d', 'a'])
    })

    it.each([
      ['that is not going to wait', join('d', { waits: false })],
      ['that is to travel alone', { ...join('d'), isAlone: true }],
    ])('lets none ride %s', (_, entry) => {
      expect(after([wanted(entry)], waiting).effect.kind).toBe('send')
    })

    it('sends as soon as no more fit into one transaction', () => {
      const events = Array.from({ length: MOST_JOINS }, (_, at) => wanted(join(`j${at}`)))
      expect(after(events.slice(1), waiting).effect.kind).toBe('ride')
      expect(takenOf(after(events, waiting))).toHaveLength(MOST_JOINS)
    })

    it('lets ride what came while a transaction was under way', () => {
      const sent = after([wanted(join('a'))])
      const { state, effect } = after([wanted(join('b')), answerTo(sent), told], waiting, sent.state)
      expect([state.kind, effect.kind]).toEqual(['riding', 'ride'])
    })

    it('has nothing to send when a ride is over that has been taken along', () => {
      const { state } = after([wanted(join('b')), rideOver], waiting)
      expect(after([rideOver], waiting, state)).toEqual({ state, effect: { kind: 'none' } })
    })
  })

  it('tells that nothing shows a holder that is to leave, and sends the rest', () => {
    const x = release('x', nothing)
    expect(after([wanted(x)])).toEqual({ state: IDLE, effect: { kind: 'unseen', unseen: [x] } })
    const sent = after([wanted(join('a'))])
    const { effect } = after([wanted(x), wanted(join('b')), answerTo(sent), told], {}, sent.state)
    expect([asSend(effect).unseen, asSend(effect).turn.taken.map(({ uuid }) => uuid)]).toEqual([[x], ['b']])
  })

  it('fails all, and is idle, when what was seen cannot be read', () => {
    const kv = { key: key.path, value: 'x', createRevision: 5n, modRevision: 5n, lease: undefined }
    const entry = release('a', { ...nothing, revision: 5n, keyLocks: kv })
    const { state, effect } = after([wanted(entry)])
    expect([state, effect]).toMatchObject([IDLE, { kind: 'fail', entries: [entry] }])
    expect(effect.kind === 'fail' && effect.error).toBeInstanceOf(LockUnreadableError)
  })

  describe('tells of an answer', () => {
    it('who is granted the lock, and who has a ticket now', () => {
      const etcd = new KeySpace(() => true)
      const sent = after([wanted(join('a'))])
      const first = after([answerTo(sent, etcd)], {}, sent.state)
      expect(ticketOf(join('a'), asTell(first.effect))).toBeUndefined()
      expect([...asTell(first.effect).after.holders.keys()]).toEqual(['a'])
      const second = after([wanted(join('b'))], { cached: asTell(first.effect).after })
      const news = asTell(after([answerTo(second, etcd)], {}, second.state).effect)
      expect(ticketOf(join('b'), news)).toMatchObject({
        key: key.ticket('b'),
        createRevision: news.result.revision,
      })
    })

    it('whom a release hands the lock to, and the first that waits that the queue has moved', () => {
      const { etcd, seen } = queue()
      const sent = after([wanted(release('a', seen))], { cached: seen })
      const { effect } = after([answerTo(sent, etcd)], {}, sent.state)
      expect(effect).toMatchObject({ handedTo: ['b'], first: 'progress', members: [{ uuid: 'a' }] })
    })

    it('the first that waits that a holder has left, when nobody is handed the lock', () => {
      const { etcd, seen } = queue()
      const sent = after([wanted({ ...release('a', seen), mostSuccessors: 0 } as Intent)], { cached: seen })
      expect(after([answerTo(sent, etcd)], {}, sent.state).effect).toMatchObject({
        handedTo: [],
        first: 'freed',
      })
    })

    it('nobody of a hand-over that has not come about', () => {
      const { seen } = queue()
      const sent = after([wanted(release('a', seen))], { cached: seen })
      const result: TransactionResult = { succeeded: false, revision: 99n, results: [[], [], []] }
      const { effect } = after([{ kind: 'answer', result }], {}, sent.state)
      expect(effect).toMatchObject({ handedTo: [], first: undefined })
    })
  })

  describe('when more fit than one transaction hands the lock to', () => {
    /** w holds alone, and so many wait that could hold together. */
    function crowd(count: number): { etcd: KeySpace; seen: Snapshot } {
      const etcd = new KeySpace(() => true)
      const first = after([wanted(join('w'))])
      const held = asTell(after([answerTo(first, etcd)], {}, first.state).effect).after
      let seen = held
      for (let at = 0; at < count; at++) {
        const sent = after([wanted(join(`r${at}`, { concurrency: 0 }))], { cached: held })
        seen = asTell(after([answerTo(sent, etcd)], {}, sent.state).effect).after
      }
      const all = { compare: [], success: snapshotReads(key), failure: [] }
      seen = readSnapshot(key, etcd.run(all).result)
      return { etcd, seen }
    }
    const truth = (from: Snapshot): Event => ({
      kind: 'answer',
      result: {
        succeeded: false,
        revision: from.revision + 5n,
        results: [
          from.keyLocks ? [from.keyLocks] : [],
          [...from.holders.values()],
          [...from.tickets.values()],
        ],
      },
    })
    const { etcd, seen } = crowd(60)
    const leaving = { ...release('w', seen), mostSuccessors: Infinity } as Intent
    const sent = after([wanted(leaving)], { cached: seen })
    const answered = after([answerTo(sent, etcd)], {}, sent.state)
    const cached = asTell(answered.effect).after
    const next = after([told], { cached }, answered.state)

    it('hands it to the others at once, with what has come meanwhile', () => {
      expect(asTell(answered.effect).handedTo).toHaveLength(48)
      expect(asSend(next.effect).turn).toMatchObject({
        taken: [],
        composition: { successors: Array.from({ length: 12 }, (_, at) => `r${48 + at}`) },
      })
      const joined = after([wanted(join('j')), told], { cached }, answered.state)
      expect(asSend(joined.effect).turn.composition.successors).toHaveLength(12)
    })

    it('tries that again when another process was first, and leaves it when nobody fits any more', () => {
      const fewer = { ...cached, tickets: new Map([...cached.tickets].slice(3)) }
      const failed = after([truth(fewer)], {}, next.state)
      const again = after([told], { cached: asTell(failed.effect).after }, failed.state)
      expect(asSend(again.effect).turn.composition.successors).toHaveLength(9)
      const late = after([truth(seen), told], { cached: seen }, next.state)
      expect([late.state, late.effect]).toEqual([IDLE, { kind: 'none' }])
    })

    it('leaves them to themselves when etcd refuses', () => {
      const refused = after([{ kind: 'failure', error: refusal }], { cached }, next.state)
      expect(refused.effect).toMatchObject({ entries: [], isLeft: true })
      expect(after([told], { cached }, refused.state).state).toEqual(IDLE)
    })

    it('sends again, alone, whoever has come meanwhile: the refusal may be for the lease of a waiter', () => {
      const joined = after([wanted(join('j')), told], { cached }, answered.state)
      const refused = after([{ kind: 'failure', error: refusal }], { cached }, joined.state)
      expect(refused.effect).toMatchObject({ entries: [], isLeft: true })
      const again = after([told], { cached }, refused.state)
      expect(asSend(again.effect).turn).toMatchObject({
        taken: [{ uuid: 'j' }],
        composition: { successors: [] },
      })
      const lost = after([{ kind: 'failure', error: refusal }], { cached }, again.state)
      expect(lost.effect).toMatchObject({ entries: [{ uuid: 'j' }], isLeft: false })
    })

    it('tells a release that it is refused, which may be for the lease of a waiter', () => {
      const refused = after([{ kind: 'failure', error: refusal }], { cached: seen }, sent.state)
      expect(refused.effect).toMatchObject({ entries: [{ uuid: 'w' }], isLeft: false })
    })

    it('hands it to those for whom it is free, with what rides, unless something is under way', () => {
      const freed: Event = { kind: 'freed' }
      const alone = after([freed], { cached })
      expect(asSend(alone.effect).turn).toMatchObject({
        taken: [],
        composition: { successors: { length: 12 } },
      })
      const riding = after([wanted(join('j')), freed], { cached, hasWaiters: true })
      expect([takenOf(riding), asSend(riding.effect).turn.composition.successors.length]).toEqual([['j'], 12])
      expect(after([freed], { cached }, sent.state)).toEqual({ state: sent.state, effect: { kind: 'none' } })
      expect(after([freed], { cached: seen }).state).toEqual(IDLE)
    })

    it('leaves it to those who leave to hand it over when they try again', () => {
      expect(after([truth(cached)], {}, sent.state).state).toMatchObject({
        kind: 'answered',
        handsOver: false,
      })
    })
  })

  describe('of several that travel together', () => {
    const [b, c, d] = [join('b'), join('c'), join('d')]
    const first = after([wanted(join('a'))])
    const together = after([wanted(b), wanted(c), answerTo(first), told, wanted(d)], {}, first.state)

    it('sends each alone when etcd refuses them, before those that came later', () => {
      const refused = after([{ kind: 'failure', error: refusal }], {}, together.state)
      expect(refused.effect).toMatchObject({ kind: 'fail', entries: [] })
      const sent = after([told], {}, refused.state)
      expect(takenOf(sent)).toEqual(['b'])
      expect(linesOf(sent)).toEqual(['b', 'c', 'd'])
      const again = after([{ kind: 'failure', error: refusal }], {}, sent.state)
      expect(again.effect).toMatchObject({ kind: 'fail', entries: [{ uuid: 'b' }], error: refusal })
      const other = after([told], {}, again.state)
      expect(takenOf(other)).toEqual(['c'])
      expect(takenOf(after([answerTo(other), told], {}, other.state))).toEqual(['d'])
    })

    it('tells each that no answer came, and sends none again', () => {
      const lost = after([{ kind: 'failure', error: silence }], {}, together.state)
      expect(lost.effect).toEqual({ kind: 'fail', entries: [b, c], error: silence, isLeft: false })
      expect(takenOf(after([told], {}, lost.state))).toEqual(['d'])
    })

    it('tells one whose time is over, and the others when the answer comes', () => {
      const late = after([{ kind: 'late', entries: [b] }], {}, together.state)
      expect(late.effect).toEqual({ kind: 'give-up', entries: [b] })
      expect(linesOf(late)).toEqual(['c', 'd'])
      expect(asTell(after([answerTo(together)], {}, late.state).effect).members).toEqual([c])
      const lost = after([{ kind: 'failure', error: silence }], {}, late.state)
      expect(lost.effect).toMatchObject({ entries: [c] })
    })

    it('sends none again whose time is over when etcd refuses', () => {
      const events: Event[] = [{ kind: 'late', entries: [b] }, { kind: 'failure', error: refusal }, told]
      const sent = after(events, {}, together.state)
      expect(takenOf(sent)).toEqual(['c'])
      expect(linesOf(sent)).toEqual(['c', 'd'])
    })

    it('sends nothing for one whose time is over before it was sent', () => {
      const late = after([{ kind: 'late', entries: [d] }], {}, together.state)
      expect(after([answerTo(together), told], {}, late.state).state).toEqual(IDLE)
    })
  })

  it('is idle when the time is over of all that ride', () => {
    const b = join('b')
    const { state } = after([wanted(b)], { hasWaiters: true })
    expect(after([{ kind: 'late', entries: [b] }], { hasWaiters: true }, state)).toEqual({
      state: IDLE,
      effect: { kind: 'give-up', entries: [b] },
    })
  })
})
