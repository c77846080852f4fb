import type { Host } from './host.js'

/** Something that is to happen at a time, to a simulated process or, without one, to etcd or the world. */
export interface Scheduled {
  at: number
  /** Among those of one time. */
  order: number
  readonly host: Host | undefined
  readonly what: string
  readonly isTimer: boolean
  /** How long its process had slept when it was set, or put off for a sleep. */
  slept: number
  /** Undefined when cancelled. */
  run: (() => void) | undefined
}

/** A heap: the earliest first. */
export class EventQueue {
  private readonly heap: Scheduled[] = []

  get size(): number {
    return this.heap.length
  }

  push(event: Scheduled): void {
    const { heap } = this
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  peek(): Scheduled | undefined {
    return this.heap[0]
  }

  pop(): Scheduled | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }

  /** In no order. */
  all(): readonly Scheduled[] {
    return this.heap
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
