/** Of how many waiters the leases are renewed at once at most. */
const MOST = 31

/**
 * How many waiters behind one whose leases are due have theirs renewed with it. A renewal for each hand-over would cost this process as much
 * again as its answer; many at once cost little more than one. But what is renewed too early is due again when the turn has come.
 *
 * So it goes by what became of the last ones: twice as many when all of them were handed the lock in time, half as many when the first that
 * was not had to be renewed again.
 */
export class RenewAhead {
  private ahead = 0
  /** Hand-overs since the last renewals. */
  private inTime = 0

  /**
   * A waiter is handed the lock.
   * @param isDue whether its leases had to be renewed.
   * @returns of how many behind it the leases are to be renewed, too.
   */
  handOver(isDue: boolean): number {
    if (!isDue) {
      this.inTime++
      return 0
    }
    const wereAllUsed = this.inTime >= this.ahead
    this.inTime = 0
    this.ahead = wereAllUsed ? Math.min(2 * this.ahead + 1, MOST) : this.ahead >> 1
    return this.ahead
  }
}
