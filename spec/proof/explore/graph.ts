/** Which state leads to which, and where all is over. */
export class Graph {
  private readonly from: number[] = []
  private readonly to: number[] = []
  private readonly ends: number[] = []

  constructor(private size = 0) {}

  /** The number of a new state. */
  add(): number {
    return this.size++
  }

  lead(from: number, to: number): void {
    this.from.push(from)
    this.to.push(to)
  }

  end(state: number): void {
    this.ends.push(state)
  }

  /** The first state that leads to no end, whatever happens. */
  astray(): number | undefined {
    const { first, before } = this.backwards()
    const isSafe = new Uint8Array(this.size)
    const left = [...this.ends]
    for (const state of left) isSafe[state] = 1
    for (let state = left.pop(); state !== undefined; state = left.pop()) {
      for (let at = first[state]!; at < first[state + 1]!; at++) {
        const earlier = before[at]!
        if (isSafe[earlier]) continue
        isSafe[earlier] = 1
        left.push(earlier)
      }
    }
    const found = isSafe.indexOf(0)
    return found < 0 ? undefined : found
  }

  /** The states that lead to state s are those in `before` from `first[s]` up to `first[s + 1]`. */
  private backwards(): { first: Uint32Array; before: Uint32Array } {
    const first = new Uint32Array(this.size + 2)
    for (const state of this.to) first[state + 2]!++
    for (let state = 2; state < first.length; state++) first[state]! += first[state - 1]!
    const before = new Uint32Array(this.to.length)
    for (const [at, state] of this.to.entries()) before[first[state + 1]!++] = this.from[at]!
    return { first, before }
  }
}
