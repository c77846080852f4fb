import type { LeaseId } from '../../kv/key-value.js'
import { Timestamp } from '../../model/timestamp.js'
import type { Clock } from '../../time/clock.js'

/** A reused lease this young counts as just granted; at most this much of a holder's time is lost. */
const FRESH_MS = 300
const FRESH_SHARE = 0.01
export const RENEWALS_PER_TTL = 3
/**
 * By how much of its time a renewal may come before it is due, at random. Leases that were renewed at one moment, as after a pause of the
 * process, would be for ever: thousands in one burst, which keeps etcd and this process from all else.
 */
const SPREAD = 0.1
/**
 * How much of what is left of a lease one renewal may take, so that there is time for another; and what a call needs on a
 * busy machine, milliseconds.
 */
const RENEWAL_SHARE = 0.5
const SHORTEST_RENEWAL_MS = 200
/** What clocks that run at different speeds, and one call, may cost: milliseconds, and share of the ttl. */
const MARGIN_MS = 50
const MARGIN_SHARE = 0.001

/** A lease in etcd, and what this process knows of its time: it counts from before the call that granted or renewed it. */
export class Lease {
  /** Wall time before the call that granted or last renewed it, microseconds; and monotonic, whole milliseconds. Leases are many. */
  private sinceMicros!: number
  private renewedAt!: number

  constructor(
    readonly id: LeaseId,
    /** The seconds asked for. */
    readonly asked: number,
    /** The seconds granted, at least those asked for. */
    readonly ttl: number,
    private readonly clock: Clock,
    sent: Sent,
  ) {
    this.renewed(sent)
  }

  /** Wall time before the call that granted or last renewed it. */
  get since(): Timestamp {
    return new Timestamp(BigInt(this.sinceMicros))
  }

  /** Until when it is alive, as far as etcd keeps time: monotonic milliseconds. */
  get deadline(): number {
    return this.renewedAt + this.ttl * 1000
  }

  /** Milliseconds for which it is alive for certain. */
  get remaining(): number {
    const ttl = this.ttl * 1000
    return ttl - MARGIN_MS - ttl * MARGIN_SHARE - (this.clock.monotonic() - this.renewedAt)
  }

  get isFresh(): boolean {
    const age = this.clock.monotonic() - this.renewedAt
    return age <= Math.min(FRESH_MS, this.ttl * 1000 * FRESH_SHARE)
  }

  /** A third of its time has passed: due for renewal. */
  get isAging(): boolean {
    return this.untilRenewal <= 0
  }

  /** Milliseconds until it is due for renewal. */
  get untilRenewal(): number {
    return this.renewedAt + (this.ttl * 1000) / RENEWALS_PER_TTL - this.clock.monotonic()
  }

  /** Milliseconds until whoever keeps it is to renew it: somewhat before that is due. */
  get untilKept(): number {
    const early = (this.clock.random() * SPREAD * this.ttl * 1000) / RENEWALS_PER_TTL
    return this.untilRenewal - early
  }

  /** Milliseconds that one renewal may take. For a lease that is over there is no limit. */
  get renewalTimeout(): number {
    const { remaining } = this
    return remaining > 0 ? Math.max(remaining * RENEWAL_SHARE, SHORTEST_RENEWAL_MS) : Infinity
  }

  get isOver(): boolean {
    return this.clock.monotonic() >= this.deadline
  }

  renewed({ wall, monotonic }: Sent): void {
    this.sinceMicros = Number(wall.epochMicros)
    this.renewedAt = Math.floor(monotonic)
  }
}

/** When a call was sent. A lease counts from then, never from the answer. */
export interface Sent {
  readonly wall: Timestamp
  readonly monotonic: number
}

export function sentNow(clock: Clock): Sent {
  return { wall: clock.now(), monotonic: clock.monotonic() }
}
