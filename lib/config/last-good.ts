/** What was read or looked up last, to fall back to when it cannot be had anew. */
export class LastGood<T> {
  private told: string | undefined

  /** @param what it is, for people: 'certificates'. */
  constructor(
    private value: T,
    private readonly what: string,
    private readonly warn: (message: string) => void,
  ) {}

  take(value: T): T {
    this.value = value
    this.told = undefined
    return value
  }

  /** Tells the same error once, until it is overcome. */
  fallBack(error: unknown): T {
    const { message } = error as Error
    if (message !== this.told) this.warn(`${message} The ${this.what} of before stay in use.`)
    this.told = message
    return this.value
  }
}
