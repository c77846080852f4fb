import type { Climate } from './climate.js'
import type { Etcd } from './etcd.js'
import type { Host } from './host.js'
import type { Random } from './random.js'
import type { Scheduler } from './scheduler.js'

/** What becomes of one call: milliseconds there and back. Infinity: it never comes. */
export interface Fate {
  readonly there: number
  readonly back: number
}

/** Late requests come as late as this, long after their callers have given up. */
const LATEST_MS = 30_000
/** How likely a cut is that is over at once, and yet long enough for etcd to compact. */
const BRIEF_CUT = 0.1
/** After a failure callers wait up to a second before they try again. */
const BACKOFF_MS = 1_500

/** All the faults of one run, until they end. */
export class Weather {
  isOver = false
  private readonly cutUntil = new Map<Host, number>()
  /** Until when something that is late or lost may keep a process from what it would do. */
  private readonly disturbedUntil = new Map<Host, number>()

  constructor(
    private readonly scheduler: Scheduler,
    private readonly random: Random,
    readonly climate: Climate,
    /** Milliseconds; a pause takes at most three times this. */
    private readonly longestTtl: number,
  ) {}

  end(hosts: readonly Host[]): void {
    this.isOver = true
    this.cutUntil.clear()
    for (const host of hosts) this.scheduler.resume(host, this.random.chance(0.5))
  }

  /** Nothing that is late or lost keeps the process from what it would do. */
  isCalm(host: Host): boolean {
    return !host.isPaused && this.scheduler.now > this.calmSince(host)
  }

  /** When that ended which kept the process from what it would do, unless it is paused. */
  calmSince(host: Host): number {
    return Math.max(host.resumedAt + BACKOFF_MS, this.disturbedUntil.get(host) ?? 0)
  }

  fateOf(host: Host): Fate {
    const { random, climate } = this
    const [least, most] = climate.latency
    const there = random.between(least, most)
    const back = random.between(least, most)
    if (this.isOver) return { there, back }
    const isLost = this.isCut(host)
    const fate = {
      there: isLost || random.chance(climate.lostRequest) ? Infinity : there + this.slowness(climate.slow),
      back: isLost || random.chance(climate.lostAnswer) ? Infinity : back + this.slowness(climate.slow),
    }
    const took = Math.min(climate.callTimeout, fate.there + fate.back)
    if (took > 2 * most) this.disturb(host, took + BACKOFF_MS)
    return fate
  }

  /** Milliseconds after which news of a watch come, and whether they never will, because etcd compacts them before. */
  delayOfNews(host: Host): { ms: number; isGap: boolean } {
    const { random, climate, scheduler } = this
    const ms = random.between(...climate.latency)
    if (this.isOver) return { ms, isGap: false }
    const cut = Math.max(0, (this.cutUntil.get(host) ?? 0) - scheduler.now)
    const late = ms + cut + this.slowness(climate.watchLag)
    if (late > ms) this.disturb(host, late)
    return { ms: late, isGap: random.chance(cut > 0 ? climate.gap : climate.gap * BRIEF_CUT) }
  }

  timerLag = (): number => {
    const { random, climate } = this
    return this.isOver || !random.chance(climate.timerLag) ? random.next() : random.between(0, 20)
  }

  lateExpiry = (): number => {
    const { random, climate } = this
    return this.isOver || !random.chance(climate.lateExpiry) ? random.next() : random.anyScale(1, 5_000)
  }

  isCut(host: Host): boolean {
    return (this.cutUntil.get(host) ?? 0) > this.scheduler.now
  }

  /** Whatever may befall a process at one of its awaits. */
  strike(host: Host, etcd: Etcd): void {
    if (this.isOver) return
    const { random, climate, scheduler } = this
    if (random.chance(climate.revoke)) etcd.revokeAny(random)
    if (random.chance(climate.crash)) host.isDead = true
    if (random.chance(climate.pause)) {
      scheduler.pause(host, random.anyScale(10, 3 * this.longestTtl), random.chance(0.5))
    }
    if (climate.sleep > 0 && random.chance(climate.sleep)) {
      scheduler.sleep(host, random.anyScale(10, 3 * this.longestTtl))
    }
    if (random.chance(climate.cut)) this.cutUntil.set(host, scheduler.now + random.anyScale(10, 20_000))
    if (random.chance(climate.clockStep)) host.step(random.between(-20_000, 20_000))
  }

  private disturb(host: Host, ms: number): void {
    const until = Math.max(this.disturbedUntil.get(host) ?? 0, this.scheduler.now + ms)
    this.disturbedUntil.set(host, until)
  }

  private slowness(probability: number): number {
    return this.random.chance(probability) ? this.random.anyScale(1, LATEST_MS) : 0
  }
}
