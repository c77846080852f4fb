import { eventRevision, type KeyEvent, type KeyRange, type LeaseId } from '../../../lib/kv/key-value.js'
import type { LockTerms } from '../../../lib/protocol/request.js'
import { emptySnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'
import { agedCall, type Call } from './call.js'
import { key } from './etcd.js'
import { agedEvent, agedSnapshot } from './time.js'

/** What one client asks for, each time. */
export interface Wish {
  readonly concurrency: number
  readonly ttl: number
  /** Whether it queues up; yes when not given. */
  readonly waits?: boolean
  /** How often; once when not given. */
  readonly times?: number
}

/** A watch that stands, and what it has not delivered yet. Changes of one revision come together. */
export interface OpenWatch {
  readonly range: KeyRange
  readonly batches: readonly (readonly KeyEvent[])[]
}

const nothing = emptySnapshot(key)
const UUID_END = '000000-0000-8000-8000-000000000000'

/** A text for people, in which ids are short: `a1`. */
export function withShortIds(text: string): string {
  return text.replaceAll(UUID_END, '')
}

/** One client: what it knows, what it has sent, what it waits for. */
export class Client {
  /**
   * `running`: goes on at once. `calling`: an answer is awaited. `doubting`: it holds, as far as it has read, on a lease that is gone. `dead`: its process
   * has ended.
   */
  stage: 'running' | 'calling' | 'waiting' | 'doubting' | 'holding' | 'done' | 'dead' = 'running'
  goal: 'acquire' | 'withdraw' | 'release' = 'acquire'
  call: Call | undefined
  /** It wants nothing any more. */
  isStopped = false
  time = 0

  snapshot: Snapshot = nothing
  /** What its process saw last. */
  guess: Snapshot = nothing
  isGuess = true
  isUnsettled = false
  isGrantedByUs = false
  mayLearn = false
  mayHandOver = true
  token = 0n

  holderLease: LeaseId | undefined
  ticketLease: LeaseId | undefined
  /** Leases without keys, for the next time. */
  idleHolder: LeaseId | undefined
  idleTicket: LeaseId | undefined
  minted = 0

  watches: readonly OpenWatch[] = []
  /** A lease has ended, which no watch tells. */
  isStale = false
  /** For the entry that expires without an event. */
  timer: 'none' | 'set' | 'due' = 'none'
  /** It went without releasing, so that its entry may stay until it expires. */
  wentAway = false

  constructor(
    readonly index: number,
    readonly wish: Wish,
  ) {}

  get name(): string {
    return 'abcd'[this.index]!
  }

  /** As this software makes them: the entry under it comes with a holder key. */
  get uuid(): string {
    return `${this.name}${this.time + 1}${UUID_END}`
  }

  get waits(): boolean {
    return this.wish.waits ?? true
  }

  get asked(): LockTerms {
    const { concurrency, ttl } = this.wish
    return { uuid: this.uuid, owner: this.name, concurrency, ttl }
  }

  get hasTicket(): boolean {
    return this.snapshot.tickets.has(this.uuid)
  }

  get leases(): LeaseId[] {
    return [this.holderLease, this.ticketLease].filter(lease => lease !== undefined)
  }

  copy(): Client {
    return Object.assign(new Client(this.index, this.wish), this)
  }

  /** The clock goes on. */
  age(): void {
    if (this.timer === 'set') this.timer = 'due'
    this.call &&= agedCall(this.call)
    this.snapshot = agedSnapshot(this.snapshot)
    this.guess = agedSnapshot(this.guess)
    this.watches = this.watches.map(({ range, batches }) => ({
      range,
      batches: batches.map(batch => batch.map(agedEvent)),
    }))
  }

  send(call: Call): void {
    this.stage = 'calling'
    this.call = call
    if ('transaction' in call) this.guess = nothing
  }

  /** A truth of one revision; what happened up to it is no news. */
  see(snapshot: Snapshot): void {
    this.snapshot = snapshot
    this.guess = snapshot
    this.isGuess = false
    this.watches = this.watches.map(({ range, batches }) => ({
      range,
      batches: batches.filter(([event]) => eventRevision(event!) > snapshot.revision),
    }))
  }

  /** Forgets all but what the next time goes by. */
  forget(): void {
    const { index, wish, time, guess, idleHolder, idleTicket, minted, wentAway } = this
    const kept = { time, guess, idleHolder, idleTicket, minted, wentAway }
    Object.assign(this, new Client(index, wish), kept)
  }
}
