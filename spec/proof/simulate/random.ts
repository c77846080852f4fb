/** Random numbers that the same seed brings again, in the same order (sfc32). */
export class Random {
  private a: number
  private b: number
  private c = 0x9e3779b9
  private d = 1

  /** Streams of one seed are independent: what one draws more does not shift the others. */
  constructor(seed: number, stream: number) {
    this.a = seed | 0
    this.b = Math.floor(seed / 2 ** 32) ^ Math.imul(stream, 0x85ebca6b)
    for (let round = 0; round < 12; round++) this.next()
  }

  /** From 0 to less than 1. */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0
    this.d = (this.d + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum
    return (sum >>> 0) / 2 ** 32
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  /** A whole number, both ends included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** Every order of magnitude is as likely as the next. */
  anyScale(least: number, most: number): number {
    return least * (most / least) ** this.next()
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)]!
  }
}
