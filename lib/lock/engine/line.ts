/**
 * What waits to be sent, in its order. A line is a value: adding to it makes another one. Both share an array, of which each knows its own
 * part, so that adding costs the same however long the line is.
 */
export class Line<E> {
  private constructor(
    private readonly shared: E[],
    readonly length: number,
  ) {}

  /** @param entries belong to the line from now on. */
  static of<E>(entries: E[]): Line<E> {
    return new Line(entries, entries.length)
  }

  with(entry: E): Line<E> {
    const { shared, length } = this
    // Another line has gone on from here already.
    const own = shared.length === length ? shared : shared.slice(0, length)
    own.push(entry)
    return new Line(own, length + 1)
  }

  get entries(): readonly E[] {
    const { shared, length } = this
    return shared.length === length ? shared : shared.slice(0, length)
  }
}
