/** What a handle needs of the lock that made it. */
interface Releaser {
  release(name: string, id: string): Promise<void>
}

/** A lock that is held, and released when the block that declared it with `await using` ends. */
export class HeldLock implements AsyncDisposable {
  constructor(
    private readonly lock: Releaser,
    readonly name: string,
    /** Empty when locking is disabled. */
    readonly id: string,
  ) {}

  /** Never rejects; see `Lock.release`. */
  release(): Promise<void> {
    return this.lock.release(this.name, this.id)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}
