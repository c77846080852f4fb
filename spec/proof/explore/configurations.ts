import type { Wish } from './client.js'
import type { Configuration } from './configuration.js'

const zero = { concurrency: 0, ttl: 30 }
const one = { concurrency: 1, ttl: 30 }
const two = { concurrency: 2, ttl: 30 }
const long = (wish: Wish): Wish => ({ ...wish, ttl: 90 })
const twice = (wish: Wish): Wish => ({ ...wish, times: 2 })
const atOnce = (wish: Wish): Wish => ({ ...wish, waits: false })
const kinds: readonly Wish[] = [zero, one, two, long(zero), long(one), long(two)]

/** Every choice of so many wishes, whatever their order, with the trouble that may befall them. */
function mixes(
  clients: number,
  of: readonly Wish[],
  trouble: Configuration['trouble'] = {},
): Configuration[] {
  const choose = (count: number, from: number): Wish[][] =>
    count === 0
      ? [[]]
      : of.flatMap((wish, at) => (at < from ? [] : choose(count - 1, at).map(rest => [wish, ...rest])))
  return choose(clients, 0).map(wishes => ({ wishes, trouble }))
}

/** Some seconds. */
export const few: readonly Configuration[] = [
  ...mixes(2, kinds),
  ...mixes(2, [one, long(two)], { losses: 1 }),
  ...mixes(2, [one, two], { stops: 1, crashes: 1 }),
  { wishes: [one, one], trouble: { ends: 1 } },
  { wishes: [one, two], byHand: 1 },
  { wishes: [two, long(two)], byHand: 2, trouble: { ends: 1 } },
  { wishes: [twice(one), twice(one)] },
  { wishes: [one, atOnce(one)], trouble: { losses: 1 } },
  { wishes: [one, two, long(one)] },
]

/** Half an hour, most of it for the last dozen. */
export const many: readonly Configuration[] = [
  ...mixes(2, kinds, { losses: 1, stops: 1 }),
  ...mixes(2, kinds, { ends: 1, crashes: 1 }),
  ...mixes(2, [one, two, long(one)], { losses: 2 }),
  ...mixes(2, [one, two, atOnce(one)].map(twice), { losses: 1 }),
  ...mixes(2, [one, long(two)].map(twice), { ends: 1, stops: 1 }),
  { wishes: [one, two], trouble: { losses: 1, ends: 1, stops: 1 } },
  ...mixes(2, [zero, one, long(two)], { losses: 1 }).map(mix => ({ ...mix, byHand: 1 })),
  ...mixes(3, kinds),
  ...mixes(3, [zero, one, two], { stops: 1 }),
  ...mixes(3, [one, two], { crashes: 1 }),
  ...mixes(3, [one, long(two)], { ends: 1 }),
  { wishes: [one, two, two], trouble: { ends: 1 } },
  { wishes: [one, two, long(one)], trouble: { losses: 1 } },
  { wishes: [one, two, zero, long(one)] },
  { wishes: [one, one, two, two] },
]
