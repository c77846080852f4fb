import { setTimeout as delay } from 'node:timers/promises'
import type { Passage } from './door.js'
import { Kill } from './kill.js'
import type { DemoOptions } from './options.js'
import { Progress } from './progress.js'
import { EXCLUSIVE, LIMITS, Resource } from './resource.js'
import { WorkerProcess } from './worker-process.js'

/** One run: worker processes contend for the resources, and one of them is killed. */
export class Demo {
  readonly resources = LIMITS.map(({ name, limit }) => new Resource(name, limit))
  /** What went wrong beside violations. */
  readonly failures: string[] = []
  private readonly progress = new Progress(() => this.status())
  private readonly kill: Kill | undefined
  private started = performance.now()

  constructor(
    private readonly endpoints: readonly string[],
    private readonly options: DemoOptions,
  ) {
    const victim = `worker ${options.workers}`
    if (!options.withoutLocks) this.kill = new Kill(victim, line => this.progress.note(line))
  }

  /** Resolves when all workers have ended. */
  async run(): Promise<void> {
    const workers = Array.from({ length: this.options.workers }, (_, index) => this.worker(index + 1))
    const ended = Promise.all(workers.map(worker => this.end(worker)))
    await Promise.all(workers.map(worker => worker.ready))
    this.started = performance.now()
    this.progress.begin()
    for (const worker of workers) worker.start()
    await Promise.race([delay(this.options.seconds * 1000, undefined, { ref: false }), ended])
    for (const worker of workers) worker.stop()
    await ended
    this.progress.end()
    if (this.kill?.failure && this.failures.length === 0) this.failures.push(this.kill.failure)
  }

  private worker(number: number): WorkerProcess {
    // The victim waits for nothing else: a waiter that dies keeps its place in the queue for another 15 s.
    const limits = this.kill && number === this.options.workers ? [EXCLUSIVE] : LIMITS
    const task = { number, endpoints: this.endpoints, limits, withoutLocks: this.options.withoutLocks }
    return new WorkerProcess(task, (worker, passage) => this.pass(worker, passage))
  }

  private pass(worker: WorkerProcess, passage: Passage): void {
    const resource = this.resources.find(({ name }) => name === passage.name)!
    if (passage.pass === 'leave') resource.leave(worker.name)
    else {
      resource.enter(worker.name, passage.waitedMs)
      if (
        resource.name === EXCLUSIVE.name &&
        this.kill?.strikes(worker, this.elapsed > this.options.seconds / 4)
      )
        return
    }
    worker.letPass(resource.name)
  }

  /** The dead are inside no longer, whatever their locks say. */
  private async end(worker: WorkerProcess): Promise<void> {
    const failure = await worker.failure
    for (const resource of this.resources) resource.leave(worker.name)
    if (failure) this.failures.push(failure)
  }

  private get elapsed(): number {
    return (performance.now() - this.started) / 1000
  }

  private status(): string {
    const counts = this.resources.map(
      ({ name, entries, occupancy }) => `${name} ${entries} (${occupancy} inside)`,
    )
    const violations = this.resources.reduce((sum, resource) => sum + resource.violations.length, 0)
    return [`${this.elapsed.toFixed(1).padStart(5)} s`, ...counts, `violations ${violations}`].join('   ')
  }
}
