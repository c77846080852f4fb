import { pino } from 'pino'
import { Lock } from '../../../lib/lock/api/lock.js'
import type { Store } from '../../../lib/store/store.js'
import { Aftermath } from './aftermath.js'
import { BeliefJudge } from './belief-judge.js'
import { Client } from './client.js'
import { drawClimate } from './climate.js'
import { Etcd } from './etcd.js'
import { Habits } from './habits.js'
import { Host } from './host.js'
import { Link } from './link.js'
import { LockView, PREFIX } from './lock-view.js'
import { Machine } from './machine.js'
import { Random } from './random.js'
import { Scheduler } from './scheduler.js'
import { Trace } from './trace.js'
import { TruthJudge } from './truth-judge.js'
import type { Violation } from './violation.js'
import { WaitJudge } from './wait-judge.js'
import { Weather } from './weather.js'
import { World } from './world.js'

export interface Outcome {
  readonly violation: Violation | undefined
  readonly events: number
  /** Equal for runs in which the same has happened. */
  readonly hash: string
}

export interface SimulationOptions {
  readonly seed: number
  /** Told all that happens. */
  readonly onEvent?: ((line: string) => void) | undefined
  /** What a process uses in place of the link: where mistakes are to be put, to see that they are found. */
  readonly wrap?: ((store: Store) => Store) | undefined
}

/** By then everybody who waits has got the lock: the holders let go, and the dead have lost their leases. */
const PATIENCE_MS = 300_000
/** The state is judged at every so many events, beside each change of etcd. */
const JUDGE_EVERY = 8
const log = pino({ level: 'silent' })

/** In some runs a process has many clients, which share a coordinator and its transactions. How many more than in others. */
function drawCrowd(random: Random): () => number {
  return random.chance(0.3) ? () => random.whole(1, 5) : () => 0
}

/** One run: some processes, the network, and etcd, as the seed has them. */
export class Simulation {
  private readonly trace: Trace
  private readonly scheduler: Scheduler
  private readonly random: Random
  /** What the code under test draws from. */
  private readonly chance: Random
  private readonly world: World
  private readonly habits: Habits
  private readonly locks = new Map<Host, Lock>()
  private readonly clients: Client[]

  constructor(options: SimulationOptions) {
    const { seed, onEvent, wrap } = options
    this.trace = new Trace(onEvent)
    const scheduler = (this.scheduler = new Scheduler(this.trace))
    const random = (this.random = new Random(seed, 1))
    this.chance = new Random(seed, 3)
    const habits = (this.habits = new Habits(random, random.anyScale(2_000, 100_000)))
    const weather = new Weather(scheduler, new Random(seed, 2), drawClimate(random), habits.longestTtl * 1000)
    const etcd = new Etcd(scheduler, weather.lateExpiry)
    const skewed = random.chance(0.3) ? 20_000 : 1
    const hosts = Array.from({ length: random.pick([2, 2, 2, 3, 3, 4]) }, (_, at) => {
      return new Host(`p${at + 1}`, random.between(-0.0004, 0.0004), random.between(-skewed, skewed))
    })
    const views = habits.names.map(name => new LockView(etcd, name))
    const world = (this.world = new World(scheduler, weather, etcd, hosts, views))
    const crowd = drawCrowd(new Random(seed, 4))
    const [truth, beliefs, waits] = [new TruthJudge(world), new BeliefJudge(world), new WaitJudge(world)]
    this.clients = hosts.flatMap(host => {
      const machine = this.machineOf(host)
      const lock = this.open(machine, wrap)
      this.locks.set(host, lock)
      return Array.from({ length: random.pick([1, 1, 1, 2]) + crowd() }, (_, at) => {
        const own = new Random(seed, 100 + 10 * hosts.indexOf(host) + at)
        return new Client(world, beliefs, machine, own, habits, lock)
      })
    })
    let hasChanged = false
    let turn = 0
    etcd.onRevision = events => {
      hasChanged = true
      truth.onRevision(events)
    }
    scheduler.onSettled = () => {
      if (!hasChanged && turn++ % JUDGE_EVERY !== 0) return
      hasChanged = false
      beliefs.judge()
      waits.judge()
    }
  }

  async run(): Promise<Outcome> {
    await this.live()
    const open = (host: Host): Lock => this.open(this.machineOf(host))
    if (!this.world.violation) await new Aftermath(this.world, this.locks, open).run()
    const { violation } = this.world
    return { violation, events: this.trace.events, hash: this.trace.hash }
  }

  private machineOf(host: Host): Machine {
    return new Machine(host, this.scheduler, this.chance, this.world.weather.timerLag)
  }

  private open(machine: Machine, wrap: NonNullable<SimulationOptions['wrap']> = store => store): Lock {
    const { scheduler, weather, etcd } = this.world
    const { host } = machine
    const store = wrap(new Link(scheduler, weather, etcd, host))
    return new Lock({ store, prefix: PREFIX, owner: host.name, dryRun: false, logger: log }, machine)
  }

  private async live(): Promise<void> {
    const { scheduler, world, clients, habits } = this
    for (const client of clients) {
      const start = this.random.between(0, 100)
      scheduler.after(start, client.host, 'start', () => void client.run())
    }
    scheduler.after(habits.endMs, undefined, 'calm', () => world.weather.end(world.hosts))
    const areDone = (): boolean => clients.every(({ isDone, host }) => isDone || host.isDead)
    const isOver = (): boolean => world.violation !== undefined || (world.weather.isOver && areDone())
    if (await scheduler.run(habits.endMs + PATIENCE_MS, isOver)) return
    const stuck = clients.filter(({ isDone, host }) => !isDone && !host.isDead)
    world.violate(`still ${stuck.map(({ host, doing }) => `${host.name} ${doing}`).join('; ')}`)
  }
}
