import { describe, expect, it } from '@jest/globals'
import {
  nextTransfer,
  type TransferEvent,
  type TransferState,
  type TransferStep,
} from '../../../lib/lock/extend/transfer-state.js'
import type { Lease } from '../../../lib/lock/leases/lease.js'

type State = TransferState<string>
type Event = TransferEvent<string>

/** Of two locks, from the leases `a` and `b` to `A` and `B`. */
const attempt = {
  leases: [{ id: 'A' }, { id: 'B' }] as Lease[],
  transactions: [],
  keepsPromise: false,
  outcome: 'done',
  left: ['a', 'b'],
  revisions: [1n, 2n],
}
const unplanned: State = { phase: 'unplanned' }
const planned: State = { phase: 'planned', attempt }
const unanswered: State = { phase: 'unanswered', attempt }
const open: [string, State][] = [
  ['planned', planned],
  ['unanswered', unanswered],
]
const seen = (leases: (string | undefined)[], revisions = [1n, 2n]): Event => ({
  type: 'seen',
  holdings: { leases, revisions },
})
const after = (state: State, event: Event): TransferStep<string> => nextTransfer(state, event)
const leases = ({ unused, revocable }: TransferStep<string>): { unused: string[]; revocable: string[] } => ({
  unused: unused.map(({ id }) => id),
  revocable: [...revocable].sort(),
})
const none = { unused: [], revocable: [] }

describe('a transfer that has no attempt', () => {
  it('is to be planned as long as all locks are held', () => {
    expect(after(unplanned, seen(['a', 'b']))).toEqual({ state: unplanned, ...none })
  })

  it.each<[string, Event]>([
    ['one lock is not held any more', seen(['a', undefined])],
    ['nothing is held', { type: 'seen', holdings: undefined }],
    ['there is nothing to plan', { type: 'planned', attempt: undefined }],
  ])('is over when %s', (_, event) => {
    expect(after(unplanned, event)).toEqual({ state: { phase: 'gone' }, ...none })
  })

  it('is ready to be sent when it is planned', () => {
    expect(after(unplanned, { type: 'planned', attempt })).toEqual({ state: planned, ...none })
  })

  it('has no leases to give up', () => {
    expect(after(unplanned, { type: 'abandoned' })).toEqual({ state: unplanned, ...none })
  })
})

describe.each(open)('a transfer with an attempt that is %s', (_, state) => {
  it('has moved when etcd has applied it, and leaves the leases from before', () => {
    const step = after(state, { type: 'applied' })
    expect(step.state).toEqual({ phase: 'moved', attempt })
    expect(leases(step)).toEqual({ unused: [], revocable: ['a', 'b'] })
  })

  it('has moved when a read shows the holdings on its leases, whatever has changed since', () => {
    const step = after(state, seen(['A', 'B'], [8n, 9n]))
    expect(step.state).toEqual({ phase: 'moved', attempt })
    expect(leases(step)).toEqual({ unused: [], revocable: ['a', 'b'] })
  })

  it('is sent again as it was while no KeyLocks has changed', () => {
    expect(after(state, seen(['a', 'b']))).toEqual({ state, ...none })
  })

  it('is unanswered when no answer comes', () => {
    expect(after(state, { type: 'unreachable' })).toEqual({ state: unanswered, ...none })
  })

  it.each(['not-applied', 'refused', 'closed'] as const)('is what it was after the answer "%s"', type => {
    expect(after(state, { type })).toEqual({ state, ...none })
  })

  it('is planned anew when one of its leases has ended, and revokes both', () => {
    const step = after(state, { type: 'lease-not-found' })
    expect(step.state).toEqual(unplanned)
    expect(leases(step)).toEqual({ unused: ['A', 'B'], revocable: ['A', 'B'] })
  })

  it('is planned anew when a KeyLocks has changed, and revokes the leases that the holdings are not on', () => {
    const step = after(state, seen(['a', 'b'], [1n, 3n]))
    expect(step.state).toEqual(unplanned)
    expect(leases(step)).toEqual({ unused: ['A', 'B'], revocable: ['A', 'B'] })
  })

  it('is planned anew when another process has moved one holding on, and keeps the lease of the other', () => {
    const step = after(state, seen(['A', 'theirs'], [3n, 4n]))
    expect(step.state).toEqual(unplanned)
    expect(leases(step)).toEqual({ unused: ['B'], revocable: ['B', 'a', 'b'] })
  })
})

describe('a transfer of which one lock was released meanwhile', () => {
  it('revokes its leases when etcd has answered each time that it was sent', () => {
    const step = after(planned, seen(['a', undefined], [1n, 3n]))
    expect(step.state).toEqual({ phase: 'gone' })
    expect(leases(step)).toEqual({ unused: ['A', 'B'], revocable: ['A', 'B'] })
  })

  it('leaves alone the leases on which it may have been released, which may serve another lock by now', () => {
    const step = after(unanswered, seen(['a', undefined], [1n, 3n]))
    expect(step.state).toEqual({ phase: 'gone' })
    expect(leases(step)).toEqual({ unused: ['A', 'B'], revocable: ['A'] })
  })
})

describe('a transfer that its caller gives up', () => {
  it('revokes its leases when it was not sent, or not applied', () => {
    const step = after(planned, { type: 'abandoned' })
    expect(step.state).toEqual(unplanned)
    expect(leases(step)).toEqual({ unused: ['A', 'B'], revocable: ['A', 'B'] })
  })

  it('keeps them while an attempt may still be applied', () => {
    expect(after(unanswered, { type: 'abandoned' })).toEqual({ state: unanswered, ...none })
  })
})
