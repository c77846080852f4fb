/** Says how far the demo is: a line rewritten on a terminal, a line each second elsewhere. */
export class Progress {
  private timer: NodeJS.Timeout | undefined
  private readonly live = process.stdout.isTTY

  constructor(private readonly status: () => string) {}

  begin(): void {
    this.timer = setInterval(() => this.show(), this.live ? 100 : 1000)
  }

  /** A line that stays. */
  note(line: string): void {
    this.clear()
    console.log(line)
  }

  end(): void {
    clearInterval(this.timer)
    this.clear()
  }

  private show(): void {
    if (!this.live) return this.note(this.status())
    this.clear()
    // A line that wraps could not be rewritten.
    process.stdout.write(this.status().slice(0, process.stdout.columns - 1))
  }

  private clear(): void {
    if (this.live) process.stdout.write('\r\x1b[2K')
  }
}
