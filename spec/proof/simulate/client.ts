import type { Held } from '../../../lib/lock/hold/held-lock.js'
import type { Lock } from '../../../lib/lock/api/lock.js'
import { isSpicerackError, type SpicelockErrorCode } from '../../../lib/model/errors.js'
import type { Timer } from '../../../lib/time/clock.js'
import type { BeliefJudge } from './belief-judge.js'
import { guardedWrite } from './guarded-write.js'
import type { Host } from './host.js'
import { idIn } from '../../../lib/protocol/lock-key.js'
import type { Machine } from './machine.js'
import type { Random } from './random.js'
import { Request, type Terms } from './request.js'
import type { Habits } from './habits.js'
import type { World } from './world.js'

/** A client that waits to leave for more than a second goes without: where it takes no longer than this, it never does. */
const PROMPT_MS = 20

/** Code of a process that uses its Lock, one call after the other, as the seed has it. */
export class Client {
  isDone = false
  /** What it does, for reports. */
  doing = ''
  private abortion: Timer | undefined

  constructor(
    private readonly world: World,
    private readonly beliefs: BeliefJudge,
    private readonly machine: Machine,
    private readonly random: Random,
    private readonly habits: Habits,
    private readonly lock: Lock,
  ) {}

  get host(): Host {
    return this.machine.host
  }

  async run(): Promise<void> {
    try {
      for (let left = this.habits.calls; left > 0 && !this.world.weather.isOver; left--) {
        await this.sleep(this.random.anyScale(1, this.habits.idleMs))
        await this[this.habits.act(this.random)]()
      }
    } catch (error) {
      this.world.violate(`${this.host.name}: ${this.doing} failed with ${String((error as Error).stack)}`)
    } finally {
      this.isDone = true
    }
  }

  async hold(): Promise<void> {
    const terms = this.habits.terms(this.random, 1)
    const keepAlive = this.random.chance(0.4)
    const { concurrency, ttl } = terms
    const options = { concurrency, ttl, ...this.patience(), keepAlive }
    const held = await this.ask(terms, ['ETCD_UNAVAILABLE', 'LOCK_UNAVAILABLE'], () =>
      this.lock.hold(terms.names[0]!, options),
    )
    if (held) await this.use(held, terms, keepAlive)
  }

  async holdAll(): Promise<void> {
    const terms = this.habits.terms(this.random, 2)
    const { names, concurrency, ttl } = terms
    const keepAlive = this.random.chance(0.4)
    const held = await this.ask(terms, ['ETCD_UNAVAILABLE', 'LOCK_UNAVAILABLE'], () =>
      this.lock.acquireAll(
        names.map(name => ({ name, concurrency, ttl })),
        { ...this.patience(), keepAlive },
      ),
    )
    if (held) await this.use(held, terms, keepAlive)
  }

  async tryAcquire(): Promise<void> {
    const terms = this.habits.terms(this.random, 1)
    const { concurrency, ttl } = terms
    const held = await this.ask(terms, ['ETCD_UNAVAILABLE'], () =>
      this.lock.tryAcquire(terms.names[0]!, { concurrency, ttl }),
    )
    if (held) await this.use(held, terms, true)
  }

  /** Holds by id. */
  async acquire(): Promise<void> {
    const terms = this.habits.terms(this.random, 1)
    const [name] = terms.names as [string]
    const { concurrency, ttl } = terms
    const id = await this.ask(terms, ['ETCD_UNAVAILABLE', 'LOCK_UNAVAILABLE'], () =>
      this.lock.acquire(name, { concurrency, ttl, ...this.patience() }),
    )
    if (!id) return
    await this.sleep(this.random.anyScale(1, ttl * 1_200))
    if (this.random.chance(0.3)) {
      await this.allow(['ETCD_UNAVAILABLE', 'LOCK_ERROR'], () =>
        this.lock.extend(name, id, this.habits.ttl(this.random)),
      )
    }
    if (this.random.chance(0.8)) await this.lock.release(name, id)
  }

  /** Lays hands on what somebody else holds or waits for. */
  async meddle(): Promise<void> {
    const { random, lock } = this
    const view = random.pick(this.world.locks)
    const ids = [...view.holders, ...view.tickets].map(idIn)
    if (ids.length === 0) return
    const id = random.pick(ids)
    this.doing = `meddling with ${id}`
    const extend = random.chance(0.4)
    const request = this.world.requests.get(id)
    // What its holder was promised stands, however it is extended.
    if (request && !extend) request.isMeddledWith = true
    await this.allow(['ETCD_UNAVAILABLE', 'LOCK_ERROR', 'LOCK_RENEWED'], () => {
      if (extend) return lock.extend(view.name, id, this.habits.ttl(random))
      return random.chance(0.5)
        ? lock.release(view.name, id)
        : lock.forceRelease(view.name, id, { reason: 'a simulation' })
    })
  }

  private async use(handle: Held, terms: Terms, keepAlive: boolean): Promise<void> {
    const { random } = this
    const request = this.world.requests.get(handle.id)!
    this.beliefs.onHeld(request, handle)
    for (let left = random.whole(0, 3); left > 0; left--) {
      await this.sleep(random.anyScale(1, terms.ttl * 1_200))
      await this.allow(['LOCK_LOST', 'ETCD_UNAVAILABLE', 'LOCK_ERROR'], () => this.touch(handle))
    }
    if (!keepAlive && random.chance(0.2)) return request.end(this.world.now)
    request.isReleased = true
    const wasCalm = this.world.weather.isCalm(this.host)
    this.doing = `releasing ${handle.id}`
    await handle.release()
    request.end(this.world.now)
    // What is lost is not released, but revoked when there is time.
    if (handle.signal.aborted) return
    if (wasCalm && this.world.weather.isCalm(this.host)) this.expectGone(request)
  }

  private async touch(handle: Held): Promise<void> {
    const { random, doing } = this
    this.doing = `using ${handle.id}`
    switch (random.whole(0, 4)) {
      case 0:
        handle.assertHeld()
        break
      case 1:
        await handle.verify()
        break
      case 2:
        await handle.extend(this.habits.ttl(random))
        break
      default:
        await handle.guard(guardedWrite(handle, this.host.name))
    }
    this.doing = doing
  }

  /** A call that may wait; undefined when it ends without a lock. */
  private async ask<T>(
    terms: Terms,
    expected: readonly SpicelockErrorCode[],
    call: () => Promise<T | null>,
  ): Promise<T | undefined> {
    const { world } = this
    const calmSince = world.weather.isCalm(this.host) ? world.now : Infinity
    const pending = call()
    const request = new Request(this.machine.ids.last, this.host, terms)
    world.requests.set(request.uuid, request)
    this.doing = `asking for ${terms.names.join(' and ')} as ${request.uuid}`
    const result = await this.allow(expected, () =>
      pending.catch((error: unknown) => {
        if (request.isMeddledWith && isSpicerackError(error) && error.code === 'LOCK_DISMISSED')
          return undefined
        throw error
      }),
    )
    this.abortion?.cancel()
    if (result !== undefined && result !== null) {
      request.phase = 'held'
      return result
    }
    request.end(world.now)
    if (calmSince <= world.now && world.weather.isCalm(this.host)) this.expectGone(request)
    return undefined
  }

  private expectGone(request: Request): void {
    const { uuid, isMeddledWith, isOverthrown } = request
    if (isMeddledWith || isOverthrown || this.world.weather.climate.latency[1] > PROMPT_MS) return
    const kept = [...this.world.etcd.keys.keys()].find(key => key.endsWith(uuid))
    if (kept !== undefined) this.world.violate(`${kept} stands although its owner has let go of it`)
  }

  /** Undefined when it fails as it may. */
  private async allow<T>(
    codes: readonly SpicelockErrorCode[],
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (error === ABORTED || (isSpicerackError(error) && codes.includes(error.code))) return undefined
      throw error
    }
  }

  private patience(): { wait?: number; signal?: AbortSignal } {
    const { random } = this
    const wait = random.chance(0.5) ? random.anyScale(0.01, 60) : undefined
    if (random.chance(0.7)) return wait === undefined ? {} : { wait }
    const controller = new AbortController()
    this.abortion = this.machine.timer(random.anyScale(1, 30_000), () => controller.abort(ABORTED))
    return { signal: controller.signal, ...(wait !== undefined && { wait }) }
  }

  /** Not for longer than there are faults. */
  private sleep(ms: number): Promise<void> {
    const left = Math.max(1, this.habits.endMs - this.world.now)
    return new Promise(resolve => this.machine.timer(Math.min(ms, left), resolve))
  }
}

const ABORTED = new Error('aborted by the simulation')
