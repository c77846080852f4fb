import { v4 as uuid4 } from 'uuid'
import { PROCESS_LENGTH } from './lock-id.js'

/** How long a slot rests at least when a key of it may still stand or come, milliseconds. */
const REST_MS = 600_000
/** Slots that rest are woken in the minute in which their time is over, so many at a time. */
const MINUTE_MS = 60_000
const MOST_WOKEN = 100
/** Slots and counts have six hexadecimal digits. */
const MOST = 0x1000000

/**
 * Makes ids for what this process takes: UUIDs of version 8, which RFC 9562 leaves to applications. Their entries and their holder
 * keys come into etcd in one transaction. Spicerack and people write entries alone, under ids of version 4 or of any text.
 *
 *     pppppppp-pppp-8sss-8sss-ccccccrrrrrr
 *
 * All ids of a process begin alike (p), so that the keys of its requests are one range. Then comes a number (s) that no other id of
 * this process has, among those that hold or wait for the same name. Process and number are the slot, with which holder keys and
 * tickets end. So these keys are used again and again: etcd keeps what was deleted until its next compaction, and each look at the
 * holders of a name passes all of it. The ids count on (c), and end with random digits (r).
 */
export class LockIds {
  private readonly process: string
  private readonly names = new Map<string, Slots>()
  /** By the minute in which they are free again. */
  private readonly resting = new Map<number, { readonly path: string; readonly id: string }[]>()
  /** The first of those minutes. */
  private firstMinute = Infinity
  private count = 0

  constructor(
    private readonly monotonic: () => number = () => performance.now(),
    private readonly random: () => string = uuid4,
  ) {
    this.process = random().slice(0, PROCESS_LENGTH)
  }

  /** A new id. Until it is given back, no other id of this process has the same keys under these names. */
  take(paths: readonly string[]): string {
    if (this.firstMinute < Infinity) this.wake()
    this.count = (this.count + 1) % MOST
    const all = paths.map(path => this.slotsOf(path))
    const slot = paths.length === 0 ? this.count : freeIn(all)
    const [slotDigits, countDigits] = [slot, this.count].map(number => number.toString(16).padStart(6, '0'))
    const id = `${this.process}8${slotDigits!.slice(0, 3)}-8${slotDigits!.slice(3)}-${countDigits}${this.random().slice(30)}`
    for (const slots of all) slots.take(slot, id)
    return id
  }

  /** Of this id, no key stands under this name, and none can come. */
  free(path: string, id: string): void {
    const slots = id.startsWith(this.process) ? this.names.get(path) : undefined
    slots?.leave(numberOf(id), id)
    if (slots?.isEmpty) this.names.delete(path)
  }

  /**
   * Its keys may still stand, or come: others get them after a while only. Should they stand even then, a transaction sees it, and the
   * request waits for their end.
   * @param leastMs how long its leases may live at most, as far as this process knows.
   */
  rest(path: string, id: string, leastMs = 0): void {
    if (!id.startsWith(this.process)) return
    const minute = Math.ceil((this.monotonic() + Math.max(REST_MS, leastMs)) / MINUTE_MS)
    const others = this.resting.get(minute)
    if (others) others.push({ path, id })
    else this.resting.set(minute, [{ path, id }])
    this.firstMinute = Math.min(this.firstMinute, minute)
  }

  private wake(): void {
    for (let woken = 0; woken < MOST_WOKEN && this.firstMinute * MINUTE_MS <= this.monotonic(); woken++) {
      const rested = this.resting.get(this.firstMinute)?.pop()
      if (rested) this.free(rested.path, rested.id)
      else {
        this.resting.delete(this.firstMinute)
        this.firstMinute = Math.min(...this.resting.keys())
      }
    }
  }

  private slotsOf(path: string): Slots {
    let slots = this.names.get(path)
    if (!slots) this.names.set(path, (slots = new Slots()))
    return slots
  }
}

const unnamed = new LockIds()

/** A new id under which nothing will be held: for a request that is checked only. */
export function newLockId(): string {
  return unnamed.take([])
}

/** The slots of one name. All below `next` are taken, or free again. Most names have one: it needs no map. */
class Slots {
  /** The id that has slot 0. */
  private first: string | undefined
  private others: Map<number, string> | undefined
  private again: Set<number> | undefined
  private next = 0

  get isEmpty(): boolean {
    return this.first === undefined && (this.others?.size ?? 0) === 0
  }

  has(slot: number): boolean {
    return this.idAt(slot) !== undefined
  }

  /** One that is free: one that was taken before, where there is one. */
  get free(): number {
    for (const slot of this.again ?? []) return slot
    return this.next
  }

  take(slot: number, id: string): void {
    if (slot === 0) this.first = id
    else (this.others ??= new Map()).set(slot, id)
    this.again?.delete(slot)
    for (; this.next < slot; this.next++) if (!this.has(this.next)) this.giveBack(this.next)
    this.next = Math.max(this.next, slot + 1)
  }

  /** By the id that has it: another may have it by now. A name without ids is forgotten, and needs no list of what is free. */
  leave(slot: number, id: string): void {
    if (this.idAt(slot) !== id) return
    if (slot === 0) this.first = undefined
    else this.others?.delete(slot)
    if (!this.isEmpty) this.giveBack(slot)
  }

  private giveBack(slot: number): void {
    this.again ??= new Set()
    this.again.add(slot)
  }

  private idAt(slot: number): string | undefined {
    return slot === 0 ? this.first : this.others?.get(slot)
  }
}

/** A slot that is free in all of them. */
function freeIn(all: readonly Slots[]): number {
  const [first] = all as readonly [Slots]
  if (all.length === 1) return first.free
  let slot = 0
  while (all.some(slots => slots.has(slot))) slot++
  return slot
}

function numberOf(id: string): number {
  return parseInt(id.slice(15, 18) + id.slice(20, 23), 16)
}
