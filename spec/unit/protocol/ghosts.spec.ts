import { expect, it } from '@jest/globals'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import { isOfGhost, withoutGhosts } from '../../../lib/protocol/ghosts.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'

const key = new LockKey('custom', 'name')
const keysAt = (pathOf: (id: string) => string, ...ids: [string, bigint][]): Map<string, KeyValue> =>
  new Map(
    ids.map(([id, revision]) => [
      id,
      { key: pathOf(id), value: '', createRevision: revision, modRevision: revision, lease: undefined },
    ]),
  )
const holdersOf = (...ids: [string, bigint][]): Map<string, KeyValue> => keysAt(id => key.holder(id), ...ids)
const ticketsOf = (...ids: [string, bigint][]): Map<string, KeyValue> => keysAt(id => key.ticket(id), ...ids)
const composed: Snapshot = {
  ...emptySnapshot(key),
  revision: 20n,
  holders: holdersOf(['gone', 3n], ['stays', 4n], ['came', 15n]),
  tickets: ticketsOf(['left', 5n], ['waits', 6n], ['joined', 16n]),
}
const read: Snapshot = {
  ...emptySnapshot(key),
  revision: 10n,
  holders: holdersOf(['stays', 4n]),
  tickets: ticketsOf(['waits', 6n]),
}
const shown = ({ holders, tickets }: Snapshot): string => [...holders.keys(), ...tickets.keys()].join()

it('what a read does not show, and what has not come since, is gone', () => {
  expect(shown(withoutGhosts(composed, read))).toBe('stays,came,waits,joined')
})

it('what had come again under its key when it was read has the place where it was read', () => {
  const again = {
    ...read,
    holders: holdersOf(['gone', 9n], ['stays', 4n]),
    tickets: ticketsOf(['waits', 6n], ['left', 8n]),
  }
  const { holders, tickets } = withoutGhosts(composed, again)
  expect(holders.get('gone')).toBe(again.holders.get('gone'))
  expect([...tickets.keys()].join()).toBe('waits,left,joined')
  expect(tickets.get('left')).toBe(again.tickets.get('left'))
})

it('of a queue that was not read to its end, nobody is known to be gone', () => {
  const cut = { ...read, isWhole: false }
  expect(shown(withoutGhosts(composed, cut))).toBe('stays,came,left,waits,joined')
})

it('a snapshot that shows no ghosts, or is as old as the read, stays as it is', () => {
  const clean = withoutGhosts(composed, read)
  expect(withoutGhosts(clean, read)).toBe(clean)
  const old = { ...composed, revision: 10n }
  expect(withoutGhosts(old, read)).toBe(old)
})

it.each<[string, string, bigint, boolean]>([
  ['of a holder that is shown as it was before', key.holder('gone'), 12n, true],
  ['of a ticket that is shown as it was before', key.ticket('left'), 12n, true],
  ['of a holder that has come after it', key.holder('came'), 12n, false],
  ['of a holder that is not shown', key.holder('other'), 12n, false],
  ['of the KeyLocks, which was compared', key.path, 12n, false],
])('a deletion %s', (_, path, modRevision, isGhost) => {
  expect(isOfGhost(composed, { type: 'delete', key: path, modRevision })).toBe(isGhost)
})
