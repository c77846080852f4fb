import { printable } from '../../model/describe-value.js'
import type { HolderState, WaitStatus } from '../../model/lock-state.js'
import { Timestamp } from '../../model/timestamp.js'
import { duration, localTime } from '../io/format.js'
import { locksNamed } from '../io/output.js'

export interface WaitOutput {
  /** Width of the terminal; undefined when it is none. */
  readonly columns: number | undefined
  write(text: string): void
}

const CLEAR = '\r\u001b[K'

/** Shows a wait: on a terminal as one live line, otherwise as a line whenever holders or place change. */
export class WaitLine {
  private shown = ''

  constructor(private readonly output: WaitOutput) {}

  show(status: WaitStatus, now = Timestamp.now()): void {
    const { columns } = this.output
    const held = ({ owner, since }: HolderState): string =>
      columns === undefined
        ? `${owner} since ${localTime(since)}`
        : `${owner} for ${duration(Math.max(0, since.secondsUntil(now)))}`
    const text = `spicelock: ${printable(waitText(status, held))}`
    if (text === this.shown) return
    this.shown = text
    if (columns === undefined) this.output.write(`${text}\n`)
    else this.output.write(CLEAR + [...text].slice(0, columns - 1).join(''))
  }

  /** Leaves the terminal as it was. */
  clear(): void {
    if (this.shown && this.output.columns !== undefined) this.output.write(CLEAR)
    this.shown = ''
  }
}

function waitText(
  { prefix, name, place, holders }: WaitStatus,
  held: (holder: HolderState) => string,
): string {
  const holding = holders.length > 0 ? holders.map(held).join(', ') : 'nobody'
  return `waiting for ${locksNamed(prefix, [name])} at place ${place}, held by ${holding}`
}
