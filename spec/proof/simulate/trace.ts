/** What happened in a run, as a number that two equal runs share, and in words when somebody listens. */
export class Trace {
  events = 0
  private high = 0x811c9dc5
  private low = 0x1000193

  constructor(readonly listener?: (line: string) => void) {}

  /** `words` is called only when somebody listens. */
  add(now: number, who: string, what: string, words?: () => string): void {
    this.events++
    this.mix(Math.round(now * 1000))
    for (let at = 0; at < who.length; at++) this.mix(who.charCodeAt(at))
    for (let at = 0; at < what.length; at++) this.mix(what.charCodeAt(at))
    this.listener?.(`${now.toFixed(2).padStart(11)} ${who.padEnd(5)} ${what} ${words?.() ?? ''}`)
  }

  mix(number: number): void {
    this.high = Math.imul(this.high ^ number, 0x01000193)
    this.low = Math.imul(this.low ^ (this.high >>> 15) ^ Math.floor(number / 2 ** 32), 0x85ebca6b)
  }

  get hash(): string {
    return [this.high, this.low].map(part => (part >>> 0).toString(16).padStart(8, '0')).join('')
  }
}
