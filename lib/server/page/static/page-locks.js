import { nameOf } from '/page-call.js'

/** So many locks that are gone are remembered before all is read anew. */
const MOST_GONE = 10_000

/** By prefix and name: the rows of a lock, and the revision as of which they are. One that is gone has none. */
const known = new Map()
/** What is not known is gone as of this revision. */
let floor = 0n
let all

const keyOf = ({ prefix, name }) => JSON.stringify([prefix, name])

/** What is known of a lock now, unless something newer is known already: answers may overtake each other. */
export function note(lock) {
  const key = keyOf(lock)
  const revision = BigInt(lock.revision)
  if (revision < (known.get(key)?.revision ?? floor)) return
  known.set(key, { revision, rows: rowsOf(lock) })
  all = undefined
}

/** All that there is as of one revision. */
export function noteAll(locks, revision) {
  const present = new Set(locks.map(keyOf))
  for (const [key, lock] of known) if (lock.revision <= revision && !present.has(key)) known.delete(key)
  locks.forEach(note)
  if (revision > floor) floor = revision
  all = undefined
}

/** One for each holding, and one for a lock that is only waited for. */
export function allRows() {
  all ??= [...known.values()].flatMap(({ rows }) => rows)
  return all
}

export const isMuchGone = () => known.size - allRows().length > MOST_GONE
export const count = () => known.size

function rowsOf(lock) {
  const isSeen = lock.waiters.length > 0 || lock.problem !== undefined
  const holders = lock.holders.length > 0 ? lock.holders : isSeen ? [undefined] : []
  return holders.map(holder => rowOf(lock, holder))
}

/** With what rows are sorted and searched by, which is the same at every comparison. */
function rowOf(lock, holder) {
  const now = performance.now()
  const { remaining = 0, expires_in: left = remaining } = holder ?? {}
  const name = nameOf(lock)
  const owner = holder?.owner ?? ''
  const ip = holder?.ip ?? ''
  const since = holder?.created_at ?? holder?.since ?? ''
  const [endsAt, freeAt] = [now + left * 1000, now + remaining * 1000]
  const waiters = lock.waiters.map(each => each.owner).join(' ')
  return {
    key: JSON.stringify([lock.prefix, lock.name, holder?.id ?? null]),
    lock,
    holder,
    /** What tells it from others of the same lock. */
    isOneOfMany: lock.holders.length > 1,
    since,
    endsAt,
    freeAt,
    text: `${lock.prefix}/${name} ${owner} ${ip} ${waiters}`.toLowerCase(),
    sort: {
      name: `${name}\0${lock.prefix}`,
      owner,
      ip,
      since,
      remaining: holder ? endsAt : -1,
      waiting: lock.waiters.length,
    },
  }
}
