import { v4 as uuid4 } from 'uuid'
import { PROCESS_LENGTH } from './lock-id.js'

/** How long a slot rests of which keys may still stand or come, milliseconds. By then their leases have ended as a rule. */
const REST_MS = 600_000
/** Slots and counts have six hexadecimal digits. */
const MOST = 0x1000000

/**
 * Makes ids for what this process takes: UUIDs of version 8, which RFC 9562 leaves to applications. Their entries and their holder
 * keys come into etcd in one transaction. Spicerack and people write entries alone, under ids of version 4 or of any text.
 *
 *     pppppppp-pppp-8sss-8sss-ccccccrrrrrr
 *
 * All ids of a process begin alike (p), so that the keys of its requests are one range. Then comes a slot (s): a number that no other
 * id of this process has that holds, or waits for, the same name. The keys in etcd end with it, so that they are used again and
 * again: etcd keeps what was deleted until its next compaction, and each look at the holders of a name passes all of it. The ids
 * count on (c), and end with random digits (r).
 */
export class LockIds {
  private readonly process: string
  private readonly names = new Map<string, Slots>()
  /** In the order in which they are free again. */
  private resting: { readonly at: number; readonly path: string; readonly id: string }[] = []
  private count = 0

  constructor(
    private readonly monotonic: () => number = () => performance.now(),
    private readonly random: () => string = uuid4,
  ) {
    this.process = random().slice(0, PROCESS_LENGTH)
  }

  /** A new id. Until it is given back, none of this process has the same keys under these names. */
  take(paths: readonly string[]): string {
    this.wake()
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
    slots?.free(numberOf(id), id)
    if (slots?.isEmpty) this.names.delete(path)
  }

  /**
   * Its keys may still stand, or come: others get them after a while only. Should they stand even then, a transaction sees it, and the
   * request waits for their end.
   */
  rest(path: string, id: string): void {
    this.resting.push({ at: this.monotonic() + REST_MS, path, id })
  }

  private wake(): void {
    if (this.resting.length === 0) return
    const now = this.monotonic()
    while (this.resting.length > 0 && this.resting[0]!.at <= now) {
      const { path, id } = this.resting.shift()!
      this.free(path, id)
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

/** The slots of one name that are taken, and by which ids. Most names have one: it needs no map. */
class Slots {
  /** None below is free. */
  lowest = 0
  /** The id that has slot 0. */
  private first: string | undefined
  private others: Map<number, string> | undefined

  get isEmpty(): boolean {
    return this.first === undefined && (this.others?.size ?? 0) === 0
  }

  has(slot: number): boolean {
    return this.idAt(slot) !== undefined
  }

  take(slot: number, id: string): void {
    if (slot === 0) this.first = id
    else (this.others ??= new Map()).set(slot, id)
    if (slot === this.lowest) this.lowest++
  }

  /** By the id that has it: another may have it by now. */
  free(slot: number, id: string): void {
    if (this.idAt(slot) !== id) return
    if (slot === 0) this.first = undefined
    else this.others?.delete(slot)
    this.lowest = Math.min(this.lowest, slot)
  }

  private idAt(slot: number): string | undefined {
    return slot === 0 ? this.first : this.others?.get(slot)
  }
}

/** The lowest slot that is free in all of them. */
function freeIn(all: readonly Slots[]): number {
  let slot = Math.max(...all.map(({ lowest }) => lowest))
  while (all.some(slots => slots.has(slot))) slot++
  return slot
}

function numberOf(id: string): number {
  return parseInt(id.slice(15, 18) + id.slice(20, 23), 16)
}
