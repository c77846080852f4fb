import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll } from '@jest/globals'
import type { ContenderOptions } from './contender.js'
import { spawnTs } from './run-ts.js'

const running = new Set<ChildProcess>()
afterAll(() => running.forEach(child => child.kill('SIGKILL')))

/** A process that contends for a lock. */
export class ContenderProcess {
  /** What it has said so far. */
  readonly lines: string[] = []

  private constructor(
    private readonly child: ChildProcess,
    readonly owner: string,
  ) {
    createInterface(child.stdout!).on('line', line => this.lines.push(line))
  }

  /** Resolves when the process can talk to etcd. */
  static async start(
    options: Partial<ContenderOptions> & Pick<ContenderOptions, 'endpoints' | 'name' | 'owner'>,
  ): Promise<ContenderProcess> {
    const terms = { concurrency: 1, ttl: 60, wait: 60, ...options }
    const child = await spawnTs('spec/support/contender.ts', [JSON.stringify(terms)])
    running.add(child.once('exit', () => running.delete(child)))
    const contender = new ContenderProcess(child, options.owner)
    await contender.said(/^ready$/)
    return contender
  }

  acquire(): void {
    this.child.stdin!.write('acquire\n')
  }

  /** Resolves to the id when it holds the lock. */
  async held(): Promise<string> {
    return (await this.said(/^held /)).slice('held '.length)
  }

  /** Releases, and resolves when the process has ended. */
  async release(): Promise<void> {
    this.child.stdin!.write('release\n')
    await this.ended()
  }

  /** Whether it believes that it holds. */
  async believes(): Promise<boolean> {
    const before = this.lines.length
    this.child.stdin!.write('assert\n')
    return (await this.said(/^(yes|no)$/, before)) === 'yes'
  }

  /** Resolves to the reason when it has lost the lock. */
  async lost(): Promise<string> {
    return (await this.said(/^lost /)).slice('lost '.length)
  }

  pause(): void {
    this.child.kill('SIGSTOP')
  }

  resume(): void {
    this.child.kill('SIGCONT')
  }

  /** Kills it without warning. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended()
  }

  private async said(form: RegExp, from = 0): Promise<string> {
    for (;;) {
      const line = this.lines.slice(from).find(said => form.test(said))
      if (line) return line
      if (this.child.exitCode !== null)
        throw new Error(`${this.owner} ended with ${this.child.exitCode}, said: ${this.lines.join()}`)
      await Promise.race([once(this.child.stdout!, 'data'), once(this.child, 'exit')])
    }
  }

  private async ended(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
  }
}
