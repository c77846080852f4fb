import { describe, expect, it } from '@jest/globals'
import type { KeyEvent, KeyValue } from '../../../lib/kv/key-value.js'
import { type FeedState, nextFeed, OPENING } from '../../../lib/lock/observe/feed-state.js'

const gone = (key: string): KeyEvent => ({ type: 'delete', key, modRevision: 7n })
const [a, b] = [gone('a'), gone('b')]
const keys: KeyValue[] = [{ key: 'c', value: '', createRevision: 5n, modRevision: 5n, lease: undefined }]
const reading = (reads: number, ...early: KeyEvent[]): FeedState => ({ phase: 'reading', reads, early })
const following: FeedState = { phase: 'following', reads: 1 }
const failure = new Error('enough')
const closed: FeedState = { phase: 'closed', failure }
const read = (number: number) => ({ type: 'read', number, keys, revision: 6n }) as const

describe('a feed', () => {
  it('keeps the changes that come before its watch stands, and then reads', () => {
    const { state } = nextFeed(OPENING, { type: 'changed', changes: [a] })
    expect(nextFeed(state, { type: 'opened' })).toEqual({
      state: reading(1, a),
      effects: [{ type: 'read', number: 1 }],
    })
  })

  it('keeps the changes that come before the answer to its read, and tells them after it', () => {
    const { state } = nextFeed(reading(1, a), { type: 'changed', changes: [b] })
    expect(nextFeed(state, read(1))).toEqual({
      state: following,
      effects: [
        { type: 'catch-up', keys, revision: 6n },
        { type: 'tell', changes: [a, b] },
      ],
    })
  })

  it('tells changes at once when it follows', () => {
    expect(nextFeed(following, { type: 'changed', changes: [a] })).toEqual({
      state: following,
      effects: [{ type: 'tell', changes: [a] }],
    })
  })

  it.each<[string, FeedState]>([
    ['it follows', following],
    ['it reads', reading(1, a)],
  ])('reads anew after a gap while %s, and forgets what came before', (_, state) => {
    expect(nextFeed(state, { type: 'gap' })).toEqual({
      state: reading(2),
      effects: [{ type: 'read', number: 2 }],
    })
  })

  it('reads after a gap during the opening when its watch stands, and not sooner', () => {
    const { state } = nextFeed(OPENING, { type: 'changed', changes: [a] })
    expect(nextFeed(state, { type: 'gap' })).toEqual({ state: OPENING, effects: [] })
  })

  it.each<[string, FeedState]>([
    ['while another is under way', reading(2, a)],
    ['when another was answered', { phase: 'following', reads: 2 }],
  ])('takes no answer to a read that was overtaken, %s', (_, state) => {
    expect(nextFeed(state, read(1))).toEqual({ state, effects: [] })
  })

  it.each<[string, FeedState]>([
    ['opening', OPENING],
    ['reading', reading(1, a)],
    ['following', following],
  ])('that is %s is closed by a failure', (_, state) => {
    expect(nextFeed(state, { type: 'ended', failure })).toEqual({ state: closed, effects: [] })
  })

  it.each([
    { type: 'changed', changes: [a] },
    { type: 'gap' },
    { type: 'opened' },
    read(1),
    { type: 'ended', failure: new Error('another') },
  ] as const)('that is closed stays so, for its first reason, after $type', event => {
    expect(nextFeed(closed, event)).toEqual({ state: closed, effects: [] })
  })
})
