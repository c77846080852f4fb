/** The longest lease that etcd grants, in seconds. */
export const LONGEST_TTL = 9_000_000_000

/** What a ttl must be, in words. */
export const TTL_EXPECTED = `a positive integer of seconds, at most ${LONGEST_TTL}`

export function isTtl(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= LONGEST_TTL
}
