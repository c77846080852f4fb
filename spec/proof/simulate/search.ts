import type { Mistake } from './mistakes.js'
import { Simulation } from './simulation.js'
import type { Violation } from './violation.js'

export interface SearchOptions {
  readonly runs: number
  /** Of the first run; each further run has the next. */
  readonly seed: number
  readonly mistake?: Mistake | undefined
  readonly onEvent?: ((line: string) => void) | undefined
}

export interface Finding {
  readonly seed: number
  readonly violation: Violation
}

/** Many runs, one after the other. */
export class Search {
  runs = 0
  events = 0
  readonly findings: Finding[] = []
  /** Of all that has happened in all runs. */
  readonly hashes: string[] = []

  constructor(private readonly options: SearchOptions) {}

  /** Goes on until all runs are done or so many broke a promise. `onRun` is called after each. */
  async run(mostFindings: number, onRun: () => void = () => {}): Promise<void> {
    const { mistake, runs } = this.options
    // The stacks of the many errors that are expected would cost more than the runs.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    const unmake = mistake?.make?.()
    try {
      while (this.runs < runs && this.findings.length < mostFindings) {
        await this.runNext()
        onRun()
      }
    } finally {
      unmake?.()
      Error.stackTraceLimit = stackTraceLimit
    }
  }

  private async runNext(): Promise<void> {
    const { mistake, onEvent } = this.options
    const seed = this.options.seed + this.runs++
    const simulation = new Simulation({ seed, onEvent, wrap: mistake?.wrap?.bind(mistake) })
    const { violation, events, hash } = await simulation.run()
    this.events += events
    this.hashes.push(hash)
    if (violation) this.findings.push({ seed, violation })
  }
}
