/** How long a slot rests at least when a key of it may still stand or come, milliseconds. */
const REST_MS = 600_000
/** Slots that rest are woken in the minute in which their time is over, so many at a time. */
const MINUTE_MS = 60_000
const MOST_WOKEN = 100
/** Slots, counts and what is random have six hexadecimal digits. */
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
  /** Most names have one id, of slot 0: it needs no {@link Slots}. */
  private readonly names = new Map<string, string | Slots>()
  /** By the minute in which they are free again. */
  private readonly resting = new Map<number, { readonly path: string; readonly id: string }[]>()
  /** The first of those minutes. */
  private firstMinute = Infinity
  private count = 0
  /** Those under which a request of this process is under way. */
  private readonly sought = new Set<string>()

  constructor(
    private readonly monotonic: () => number = () => performance.now(),
    private readonly random: () => number = randomNumber,
  ) {
    const digits = digitsOf(random()) + digitsOf(random())
    this.process = `${digits.slice(0, 8)}-${digits.slice(8)}-`
  }

  /** A new id. Until it is given back, no other id of this process has the same keys under these names. */
  take(paths: readonly string[]): string {
    if (this.firstMinute < Infinity) this.wake()
    this.count = (this.count + 1) % MOST
    const slot = paths.length === 0 ? this.count : this.freeIn(paths)
    const digits = digitsOf(slot)
    const place = `${this.process}8${digits.slice(0, 3)}-8${digits.slice(3)}`
    const id = `${place}-${digitsOf(this.count)}${digitsOf(this.random())}`
    for (const path of paths) this.give(path, slot, id)
    return id
  }

  /**
   * A request goes on under this id until it is {@link settle}d: nobody else frees its slots. It may be handed the lock, and hear of that late:
   *
   *     a waiter is handed the lock · its process releases that id, which it was shown · another request gets its slot · the waiter takes a ticket
   *
   * That ticket would go over the other's.
   */
  seek(id: string): void {
    this.sought.add(id)
  }

  /** The request has ended, and says next what becomes of its slots, unless it holds. */
  settle(id: string): void {
    this.sought.delete(id)
  }

  /** Of this id, no key stands under this name, and none can come. */
  free(path: string, id: string): void {
    if (this.sought.has(id)) return
    const known = id.startsWith(this.process) ? this.names.get(path) : undefined
    if (known instanceof Slots) known.leave(numberOf(id), id)
    if (known === id || (known instanceof Slots && known.isEmpty)) this.names.delete(path)
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

  /** A slot that is free under all these names. */
  private freeIn(paths: readonly string[]): number {
    if (!paths.some(path => this.names.has(path))) return 0
    const all = paths.map(path => this.slotsOf(path))
    const [first] = all as [Slots]
    if (all.length === 1) return first.free
    let slot = 0
    while (all.some(slots => slots.has(slot))) slot++
    return slot
  }

  private give(path: string, slot: number, id: string): void {
    if (slot === 0 && !this.names.has(path)) this.names.set(path, id)
    else this.slotsOf(path).take(slot, id)
  }

  private slotsOf(path: string): Slots {
    const known = this.names.get(path)
    if (known instanceof Slots) return known
    const slots = new Slots()
    if (known !== undefined) slots.take(0, known)
    this.names.set(path, slots)
    return slots
  }
}

/** To ask for random numbers one by one would cost more than the ids. */
const pool = new Uint32Array(256)
let pooled = 0

/** Below {@link MOST}, each as likely as the others. */
function randomNumber(): number {
  if (pooled === 0) pooled = crypto.getRandomValues(pool).length
  return pool[--pooled]! % MOST
}

const unnamed = new LockIds()

/** A new id under which nothing will be held: for a request that is checked only. */
export function newLockId(): string {
  return unnamed.take([])
}

/** The slots of one name. All below `next` are taken, or free again. */
class Slots {
  private readonly ids = new Map<number, string>()
  private readonly again = new Set<number>()
  private next = 0

  get isEmpty(): boolean {
    return this.ids.size === 0
  }

  has(slot: number): boolean {
    return this.ids.has(slot)
  }

  /** One that is free: one that was taken before, where there is one. */
  get free(): number {
    for (const slot of this.again) return slot
    return this.next
  }

  take(slot: number, id: string): void {
    this.ids.set(slot, id)
    this.again.delete(slot)
    for (; this.next < slot; this.next++) if (!this.has(this.next)) this.again.add(this.next)
    this.next = Math.max(this.next, slot + 1)
  }

  /** By the id that has it: another may have it by now. */
  leave(slot: number, id: string): void {
    if (this.ids.get(slot) !== id) return
    this.ids.delete(slot)
    this.again.add(slot)
  }
}

function digitsOf(number: number): string {
  return number.toString(16).padStart(6, '0')
}

function numberOf(id: string): number {
  return parseInt(id.slice(15, 18) + id.slice(20, 23), 16)
}
