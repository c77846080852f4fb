import { constants } from 'node:os'
import { CliError } from '../io/exit-codes.js'

/**
 * The signals that end a process unless it listens, and to which Node can listen. Without the real-time signals, and
 * without those that report a crash, such as SIGSEGV, after which no code is safe to run.
 */
const ENDING = [
  ...(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGABRT', 'SIGALRM', 'SIGVTALRM', 'SIGPROF'] as const),
  ...(['SIGUSR1', 'SIGUSR2', 'SIGXCPU', 'SIGIO', 'SIGPWR', 'SIGSTKFLT'] as const),
]
const SIGNALS = ENDING.filter(signal => signal in constants.signals)

/** Until the returned function is called, these signals do not end this process. */
export function onSignal(
  listener: (signal: NodeJS.Signals) => void,
  signals: readonly NodeJS.Signals[] = SIGNALS,
): () => void {
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}

/** As shells do: 128+N. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** The first signal aborts an AbortSignal, with an error that says so. */
export class Interruption {
  private readonly controller = new AbortController()
  private timer: NodeJS.Timeout | undefined
  private readonly off = onSignal(signal => {
    this.controller.abort(new CliError(`${signal} came ${this.when}`, exitCodeOfSignal(signal)))
  })

  /** @param when the signal came, for the message. */
  constructor(private readonly when: string) {}

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** Waits for work that ends soon after the signal, or rejects with its error `ms` after it. */
  bound<T>(work: Promise<T>, ms: number): Promise<T> {
    const overdue = new Promise<never>((_, reject) => {
      this.signal.addEventListener('abort', () => {
        this.timer = setTimeout(() => reject(this.signal.reason as Error), ms)
      })
    })
    return Promise.race([work, overdue])
  }

  close(): void {
    this.off()
    clearTimeout(this.timer)
  }
}
