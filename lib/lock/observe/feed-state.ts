import type { KeyEvent, KeyValue } from '../../kv/key-value.js'

/**
 * What a feed is about.
 * - `opening`: its watch is being opened; early changes are kept.
 * - `reading`: the watch stands, and the keys are being read, at first or after a gap. Until their revision is known, changes are
 *   kept: they may be older than what is read, or newer.
 * - `following`: changes are told as they come.
 * - `closed`: nothing more is told, because of this failure.
 *
 * `reads` counts the reads that were begun: only the answer to the last one counts.
 */
export type FeedState =
  | { readonly phase: 'opening' | 'reading'; readonly reads: number; readonly early: readonly KeyEvent[] }
  | { readonly phase: 'following'; readonly reads: number }
  | { readonly phase: 'closed'; readonly failure: unknown }

export type FeedEvent =
  /** The watch stands. */
  | { readonly type: 'opened' }
  | { readonly type: 'changed'; readonly changes: readonly KeyEvent[] }
  /** Changes may have been missed. */
  | { readonly type: 'gap' }
  /** The answer to the read with this number. */
  | {
      readonly type: 'read'
      readonly number: number
      readonly keys: readonly KeyValue[]
      readonly revision: bigint
    }
  | { readonly type: 'ended'; readonly failure: unknown }

/** What is to be done then, in this order. */
export type FeedEffect =
  | { readonly type: 'read'; readonly number: number }
  /** Tell what has become of the time since the last change that was told. */
  | { readonly type: 'catch-up'; readonly keys: readonly KeyValue[]; readonly revision: bigint }
  /** Tell these changes, apart from those that are told already. */
  | { readonly type: 'tell'; readonly changes: readonly KeyEvent[] }

export interface FeedStep {
  readonly state: FeedState
  readonly effects: readonly FeedEffect[]
}

export const OPENING: FeedState = { phase: 'opening', reads: 0, early: [] }

/** The next state of a feed. */
export function nextFeed(state: FeedState, event: FeedEvent): FeedStep {
  if (state.phase === 'closed') return { state, effects: [] }
  switch (event.type) {
    case 'opened':
      return beginRead(state.reads, state.phase === 'opening' ? state.early : [])
    case 'changed': {
      const { changes } = event
      if (state.phase === 'following') return { state, effects: [{ type: 'tell', changes }] }
      return { state: { ...state, early: [...state.early, ...changes] }, effects: [] }
    }
    case 'gap':
      // While the watch is being opened the read is still to come, and sees what was missed.
      if (state.phase === 'opening') return { state: { ...state, early: [] }, effects: [] }
      // What came before the gap is told by the read, which is newer. A read that is under way may be older than the gap.
      return beginRead(state.reads, [])
    case 'read': {
      if (state.phase !== 'reading' || event.number !== state.reads) return { state, effects: [] }
      const { keys, revision } = event
      return {
        state: { phase: 'following', reads: state.reads },
        effects: [
          { type: 'catch-up', keys, revision },
          { type: 'tell', changes: state.early },
        ],
      }
    }
    case 'ended':
      return { state: { phase: 'closed', failure: event.failure }, effects: [] }
  }
}

function beginRead(reads: number, early: readonly KeyEvent[]): FeedStep {
  const number = reads + 1
  return { state: { phase: 'reading', reads: number, early }, effects: [{ type: 'read', number }] }
}
