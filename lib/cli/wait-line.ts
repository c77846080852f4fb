import type { WaitStatus } from '../lock/acquire-options.js'
import { localTime } from './format.js'
import { printable } from './output.js'

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

  show(status: WaitStatus): void {
    const text = `spicelock: ${printable(waitText(status))}`
    if (text === this.shown) return
    this.shown = text
    const { columns } = this.output
    if (columns === undefined) this.output.write(`${text}\n`)
    else this.output.write(CLEAR + [...text].slice(0, columns - 1).join(''))
  }

  /** Leaves the terminal as it was. */
  clear(): void {
    if (this.shown && this.output.columns !== undefined) this.output.write(CLEAR)
    this.shown = ''
  }
}

function waitText({ prefix, name, place, holders }: WaitStatus): string {
  const owners = holders.map(({ owner, since }) => `${owner} since ${localTime(since)}`)
  const held = owners.length > 0 ? `held by ${owners.join(', ')}` : 'held by nobody'
  return `waiting for ${prefix}/${name} at place ${place}, ${held}`
}
