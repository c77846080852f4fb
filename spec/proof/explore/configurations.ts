import type { AcquireRequest } from './client.js'
import type { Configuration } from './configuration.js'

const zero: AcquireRequest = { concurrency: 0, ttl: 30 }
const one: AcquireRequest = { concurrency: 1, ttl: 30 }
const two: AcquireRequest = { concurrency: 2, ttl: 30 }
const both: AcquireRequest = { ...one, locks: ['x', 'y'] }
const reversed: AcquireRequest = { ...one, locks: ['y', 'x'] }
const beyond: AcquireRequest = { ...one, locks: ['y', 'z'] }
const other: AcquireRequest = { ...one, locks: ['y'] }
const long = (request: AcquireRequest): AcquireRequest => ({ ...request, ttl: 90 })
const twice = (request: AcquireRequest): AcquireRequest => ({ ...request, times: 2 })
const atOnce = (request: AcquireRequest): AcquireRequest => ({ ...request, waits: false })
const together = (request: AcquireRequest): AcquireRequest => ({ ...request, process: 'p' })
/** The second and the third join while the first is under way. */
const inBatch = (each: AcquireRequest): AcquireRequest[] => [each, each, atOnce(each)].map(together)
const kinds: readonly AcquireRequest[] = [zero, one, two, long(zero), long(one), long(two)]
const first = { client: 0 }
const second = { client: 1 }

/** Every choice of so many requests, whatever their order, with the trouble that may befall them. */
function mixes(
  clients: number,
  of: readonly AcquireRequest[],
  trouble: Configuration['trouble'] = {},
): Configuration[] {
  const choose = (count: number, from: number): AcquireRequest[][] =>
    count === 0
      ? [[]]
      : of.flatMap((request, at) => (at < from ? [] : choose(count - 1, at).map(rest => [request, ...rest])))
  return choose(clients, 0).map(requests => ({ requests, trouble }))
}

/** The same with an administrator, who may force out the first client or the second. */
function forced(configurations: readonly Configuration[]): Configuration[] {
  return configurations.flatMap(each => [first, second].map(force => ({ ...each, force })))
}

/** The part that the tests explore: some seconds. */
export const few: readonly Configuration[] = [
  ...mixes(2, kinds),
  ...mixes(2, [one, long(two)], { losses: 1 }),
  ...mixes(2, [one, two], { stops: 1, crashes: 1 }),
  { requests: [one, one], trouble: { ends: 1 } },
  { requests: [one, two], byHand: 1 },
  { requests: [two, long(two)], byHand: 2 },
  { requests: [twice(one), twice(one)] },
  { requests: [one, atOnce(one)], trouble: { losses: 1 } },
  { requests: [one, two, long(one)] },
  // Another process moves what they hold.
  { requests: [one], trouble: { losses: 2, moves: 1 } },
  ...mixes(2, [one, two], { ends: 1, moves: 1 }),
  // Clients of one process, and short lists.
  { requests: [together(one), together(two)] },
  { requests: [together(one), together(one)], trouble: { losses: 1 } },
  { requests: [together(two), together(two)], trouble: { ends: 1 } },
  { requests: [together(one), together(one), one], lists: 1 },
  { requests: [twice(together(one)), twice(together(one))] },
  // Several of one process travel together: the time of one is over, a lease ends.
  { requests: [together(one), together(one), together(one)] },
  { requests: [together(one), together(one)], trouble: { lates: 1 } },
  ...[one, two].map(each => ({ requests: inBatch(each), trouble: { lates: 1 } })),
  ...[zero, two].map(each => ({ requests: inBatch(each), trouble: { ends: 1 } })),
  // Forced releases.
  ...forced([{ requests: [one, one] }, { requests: [one, long(one)] }, { requests: [two, two] }]),
  { requests: [one, long(one)], force: second, trouble: { stops: 1 } },
  // Several locks at once.
  { requests: [both, reversed] },
  { requests: [twice(both), twice(reversed)] },
  { requests: [both, reversed], trouble: { stops: 1 } },
  { requests: [both, one], trouble: { losses: 1 } },
  { requests: [both, reversed, one] },
  { requests: [both, one, other] },
  { requests: [both, reversed], force: second },
  { requests: [both, one], force: first },
  // Several locks at once, of one process: a release hands them over.
  { requests: [together(both), together(reversed)] },
  { requests: [together(both), together(beyond)] },
  { requests: [together(both), together(reversed)], trouble: { losses: 1 } },
  { requests: [together(both), together(reversed)], trouble: { ends: 1 } },
  { requests: [together(both), together(beyond), other] },
  { requests: [together(both), together(reversed)], force: second },
]

/** The rest, which takes much longer. */
export const many: readonly Configuration[] = [
  // Several locks at once, of one process.
  { requests: [together(both), together(reversed), together(beyond)] },
  { requests: [together(both), together(beyond)], trouble: { losses: 1 } },
  { requests: [together(both), together(beyond)], trouble: { ends: 1 } },
  { requests: [together(both), together(beyond)], trouble: { stops: 1, crashes: 1 } },
  { requests: [together(both), together(reversed), one] },
  { requests: [together(both), together(beyond), other], trouble: { losses: 1 } },
  { requests: [twice(together(both)), twice(together(reversed))] },
  // Several locks at once.
  { requests: [both, reversed, both] },
  ...mixes(2, [both, reversed, one, atOnce(both)], { losses: 1 }),
  ...mixes(2, [both, reversed, one], { ends: 1 }),
  ...mixes(2, [both, reversed, one], { stops: 1, crashes: 1 }),
  { requests: [both, reversed, one], trouble: { stops: 1 } },
  { requests: [both, one, other], trouble: { losses: 1 } },
  { requests: [both, reversed], force: { client: 1, lock: 'y' } },
  { requests: [both, reversed, one], force: first },
  // Clients of one process, and short lists.
  ...mixes(2, kinds.map(together)),
  ...mixes(2, [one, two, long(one)].map(together), { losses: 1 }),
  ...mixes(2, [one, two, long(one)].map(together), { ends: 1 }),
  ...mixes(2, [one, two].map(together), { stops: 1, crashes: 1 }),
  ...mixes(3, [one, two, long(one)].map(together)),
  ...mixes(2, [one, two, long(one)].map(together)).flatMap(mix =>
    [one, two, long(one)].map(last => ({ requests: [...mix.requests, last], lists: 1 })),
  ),
  { requests: [together(one), together(one), one], trouble: { losses: 1 }, lists: 1 },
  { requests: [together(one), together(one), one], trouble: { ends: 1 }, lists: 1 },
  { requests: [together(two), together(two), two], trouble: { ends: 1 } },
  { requests: [together(two), together(two), together(two)], trouble: { ends: 1 } },
  { requests: [together(one), together(atOnce(one)), one], lists: 1 },
  { requests: [twice(together(one)), twice(together(one))], trouble: { losses: 1 } },
  // Several of one process travel together.
  ...mixes(3, [one, two].map(together), { losses: 1 }),
  ...mixes(3, [one, two].map(together), { ends: 1 }),
  ...mixes(3, [one, two].map(together), { lates: 1 }),
  ...[one, two].map(each => ({ requests: inBatch(each), trouble: { losses: 1, ends: 1 } })),
  ...[one, two].map(each => ({ requests: inBatch(each), trouble: { lates: 1, ends: 1 } })),
  { requests: inBatch(one), trouble: { lates: 1, losses: 1 } },
  { requests: [together(one), together(one), together(one)], trouble: { lates: 1, crashes: 1 } },
  { requests: [together(one), together(one), together(one)], trouble: { lates: 1, ends: 1 } },
  { requests: [together(one), together(one), one], trouble: { lates: 1, stops: 1 }, lists: 1 },
  { requests: [together(one), together(one), long(one)], trouble: { ends: 1, stops: 1 } },
  { requests: [one, one, one, one], lists: 1 },
  { requests: [one, one, one], lists: 1, trouble: { stops: 1 } },
  { requests: [together(one), together(one), one, one], lists: 1 },
  ...forced([
    { requests: [together(one), together(one)] },
    { requests: [together(one), together(one), one], lists: 1 },
  ]),
  // Another process moves what they hold.
  ...mixes(2, [one, two, long(two)], { losses: 1, moves: 1 }),
  { requests: [one, two], trouble: { losses: 2, moves: 1 } },
  ...mixes(2, [one, two, long(one)], { ends: 1, moves: 1 }),
  ...mixes(2, [one, two, long(one)], { losses: 1, stops: 1, moves: 1 }),
  ...mixes(2, [one, two], { losses: 1, moves: 1 }).map(mix => ({
    ...mix,
    requests: mix.requests.map(together),
  })),
  // Forced releases.
  ...forced(mixes(2, kinds)),
  ...forced(mixes(2, [one, long(one)], { losses: 1 })),
  ...forced(mixes(2, [one, long(one)], { ends: 1 })),
  ...forced(mixes(2, [one, long(one)], { crashes: 1 })),
  ...forced([{ requests: [both, reversed], trouble: { losses: 1 } }]),
  ...forced([{ requests: [one, long(one), one] }]),
  // One lock.
  { requests: [two, long(two)], byHand: 2, trouble: { ends: 1 } },
  ...mixes(2, kinds, { losses: 1, stops: 1 }),
  ...mixes(2, kinds, { ends: 1, crashes: 1 }),
  ...mixes(2, [one, two, long(one)], { losses: 2 }),
  ...mixes(2, [one, two, atOnce(one)].map(twice), { losses: 1 }),
  ...mixes(2, [one, long(two)].map(twice), { ends: 1, stops: 1 }),
  { requests: [one, two], trouble: { losses: 1, ends: 1, stops: 1 } },
  ...mixes(2, [zero, one, long(two)], { losses: 1 }).map(mix => ({ ...mix, byHand: 1 })),
  ...mixes(3, kinds),
  ...mixes(3, [zero, one, two], { stops: 1 }),
  ...mixes(3, [one, two], { crashes: 1 }),
  ...mixes(3, [one, long(two)], { ends: 1 }),
  { requests: [one, two, two], trouble: { ends: 1 } },
  { requests: [one, two, long(one)], trouble: { losses: 1 } },
  { requests: [one, two, zero, long(one)] },
  { requests: [one, one, two, two] },
]
