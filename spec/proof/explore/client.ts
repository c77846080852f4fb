import type { KeyEvent, WatchedRange, LeaseId } from '../../../lib/kv/key-value.js'
import { beginAttempt } from '../../../lib/lock/acquire/attempt.js'
import type { AttemptState } from '../../../lib/lock/acquire/attempt-state.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { LockTerms } from '../../../lib/protocol/request.js'
import { younger } from '../../../lib/protocol/obstacle.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Intent } from '../../../lib/lock/engine/turn.js'
import { agedCall, type Call, isCommit } from './call.js'
import { keyOf, type LockName, nothingOf } from './lock-names.js'
import type { Process } from './process.js'
import { agedEvent, agedSnapshot } from './time.js'

/** What one client asks for, each time. */
export interface AcquireRequest {
  readonly concurrency: number
  readonly ttl: number
  /** In the order in which it names them; x alone when not given. */
  readonly locks?: readonly LockName[]
  /** Whether it queues up; yes when not given. */
  readonly waits?: boolean
  /** How often; once when not given. */
  readonly times?: number
  /** Clients with the same name here are of one process, and ask for x alone; others are alone in theirs. */
  readonly process?: string
}

/** A watch that stands, and what it has not delivered yet. Changes of one revision come together. */
export interface OpenWatch {
  readonly range: WatchedRange
  readonly batches: readonly (readonly KeyEvent[])[]
}

type Leases = readonly (LeaseId | undefined)[]

/** Of what all requests of a client have in common, which their keys end with; then comes the number of the request. */
const SLOT_END = '0000000-0000-8000-8000'
const ID = new RegExp(`([a-d])${SLOT_END}-0{5}(\\d)0{6}`, 'g')
const NAMES = 'abcd'

/** A text for people, in which ids are short: `a1`. */
export function withShortIds(text: string): string {
  return text.replaceAll(ID, '$1$2').replaceAll(SLOT_END, '')
}

/**
 * The id of a client's request. As this software makes them: the entry under it comes with a holder key, which has the same path for
 * each request of this client, also where one before it could not clear away what it left.
 */
export function uuidOf(client: number, time: number): string {
  return `${NAMES[client]}${SLOT_END}-00000${time + 1}000000`
}

/** Whose request has this id; -1 for that of an entry written by hand. */
export function clientOf(uuid: string): number {
  return uuid.slice(1).startsWith(SLOT_END) ? NAMES.indexOf(uuid[0]!) : -1
}

/** One client: what it knows, what it has sent, what it waits for. What concerns a lock stands at the lock's place in its request. */
export class Client {
  /**
   * `running`: goes on at once. `calling`: an answer is awaited. `doubting`: it holds, as far as it has read, on a lease that is gone. `dead`: its process
   * has ended.
   */
  stage: 'running' | 'calling' | 'waiting' | 'doubting' | 'holding' | 'done' | 'dead' = 'running'
  goal: 'acquire' | 'withdraw' | 'release' = 'acquire'
  call: Call | undefined
  /** Its caller wants nothing any more. */
  isStopped = false
  time = 0

  /** Also while it holds and releases: for the snapshots. */
  attempt: AttemptState
  /** What a release of its process has granted it. */
  granted: Snapshot | undefined
  /** Since when its ticket stands, as far as its process knows; undefined while it does not wait. */
  queuedAt: bigint | undefined
  /** A release goes by what its process saw last. */
  isGuess = true
  /** A release was sent and not answered. */
  isUnsettled = false
  mayPrefetch = false
  mayHandOver = true
  tokens: readonly bigint[] = []

  holderLeases: Leases
  ticketLease: LeaseId | undefined
  /** Leases without keys, for the next time. */
  idleHolders: Leases
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
    readonly request: AcquireRequest,
    public home: Process,
    readonly keys: readonly LockKey[] = (request.locks ?? ['x']).map(keyOf),
  ) {
    this.attempt = beginAttempt(uuidOf(index, 0), request.waits ?? true, keys.map(nothingOf))
    this.holderLeases = this.idleHolders = keys.map(() => undefined)
  }

  get snapshots(): readonly Snapshot[] {
    return this.attempt.snapshots
  }

  set snapshots(snapshots: readonly Snapshot[]) {
    this.attempt = { ...this.attempt, snapshots }
  }

  get name(): string {
    return NAMES[this.index]!
  }

  get uuid(): string {
    return uuidOf(this.index, this.time)
  }

  /** What its process saw last. */
  get cached(): Snapshot[] {
    return this.keys.map(key => this.home.cached(key))
  }

  isQueuedAs(uuid: string): boolean {
    return this.queuedAt !== undefined && this.uuid === uuid
  }

  get waits(): boolean {
    return this.request.waits ?? true
  }

  get terms(): LockTerms {
    const { concurrency, ttl } = this.request
    return { uuid: this.uuid, owner: this.name, concurrency, ttl }
  }

  /** What `decideAll` goes by. */
  targetsIn(snapshots: readonly Snapshot[]): { snapshot: Snapshot; terms: LockTerms }[] {
    const { terms } = this
    return snapshots.map(snapshot => ({ snapshot, terms }))
  }

  /** Of a set that waits: what it has seen, and what its process has. */
  get heard(): Snapshot[] {
    return this.snapshots.map(seen => younger(seen, this.home.cached(seen.key), this.uuid))
  }

  get leases(): LeaseId[] {
    return [...this.holderLeases, this.ticketLease].filter(lease => lease !== undefined)
  }

  get idleLeases(): LeaseId[] {
    return [...this.idleHolders, this.idleTicket].filter(lease => lease !== undefined)
  }

  get hasEnded(): boolean {
    return this.stage === 'done' || this.stage === 'dead'
  }

  copy(): Client {
    return Object.assign(new Client(this.index, this.request, this.home, this.keys), this)
  }

  /** The clock goes on. */
  age(): void {
    if (this.timer === 'set') this.timer = 'due'
    this.call &&= agedCall(this.call)
    this.snapshots = this.snapshots.map(agedSnapshot)
    this.granted &&= agedSnapshot(this.granted)
    this.watches = this.watches.map(({ range, batches }) => ({
      range,
      batches: batches.map(batch => batch.map(agedEvent)),
    }))
  }

  /** Leaves it to the coordinator of its process. */
  want(intent: Intent): void {
    const { home, index } = this
    this.send({ kind: 'together', what: intent.kind })
    home.inbox = [...home.inbox, { ...intent, client: index }]
  }

  send(call: Call): void {
    this.stage = 'calling'
    this.call = call
    if (!isCommit(call)) return
    for (const { from } of call.parts) this.home.unlearn(from.key)
  }

  /** Truths, by lock: of those that are not given the client knows what it knew. */
  see(fresh: readonly (Snapshot | undefined)[]): void {
    this.snapshots = this.snapshots.map((snapshot, at) => fresh[at] ?? snapshot)
    this.dropOldNews()
  }

  /** What happened up to what it has seen is no news. */
  dropOldNews(): void {
    if (this.watches.length === 0) return
    const oldest = this.snapshots.reduce(
      (least, { revision }) => (revision < least ? revision : least),
      this.snapshots[0]!.revision,
    )
    this.watches = this.watches.map(({ range, batches }) => ({
      range,
      batches: batches.filter(([event]) => revisionOf(event!) > oldest),
    }))
  }

  /** Asks anew, from what its process saw last. */
  begin(): void {
    this.attempt = beginAttempt(this.uuid, this.waits, this.cached)
  }

  /** Forgets all but what the next time goes by. */
  forget(): void {
    const { index, request, home, time, idleHolders, idleTicket, minted, wentAway } = this
    const kept = { time, idleHolders, idleTicket, minted, wentAway }
    Object.assign(this, new Client(index, request, home, this.keys), kept)
  }
}

export function revisionOf(event: KeyEvent): bigint {
  return event.type === 'put' ? event.kv.modRevision : event.modRevision
}
