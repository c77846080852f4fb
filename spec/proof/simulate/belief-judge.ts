import type { Held } from '../../../lib/lock/hold/held-lock.js'
import type { LockView } from './lock-view.js'
import { smallestLimit } from './lock-view.js'
import type { Request } from './request.js'
import type { World } from './world.js'

/** What a process could know it is to know within this many milliseconds, while its network works. */
const NOTICE_MS = 4_000
/** Timers are at most so late. */
const TIMER_MS = 45

/** Judges what holders believe against what is true. */
export class BeliefJudge {
  private readonly held = new Set<Request>()
  /** The last fencing token that an exclusive holder of a lock was given. */
  private readonly tokens = new Map<string, bigint>()

  constructor(private readonly world: World) {}

  onHeld(request: Request, handle: Held): void {
    request.handle = handle
    request.phase = 'held'
    this.held.add(request)
    if (!this.world.believes(request) || request.isOverthrown) return
    for (const lock of this.locksOf(request)) this.judgeToken(lock, request, handle)
  }

  judge(): void {
    for (const request of this.held) {
      if (request.host.isDead || request.isReleased || request.handle!.signal.aborted)
        this.held.delete(request)
      else this.judgeOne(request)
    }
    if (this.held.size < 2) return
    for (const { name } of this.world.locks) this.judgeLimits(name)
  }

  private judgeToken({ name }: LockView, request: Request, { fencingToken }: Held): void {
    if (request.terms.concurrency !== 1) return
    const last = this.tokens.get(name) ?? 0n
    if (fencingToken <= last) {
      this.world.violate(
        `the token ${fencingToken} of ${request.uuid} is not above ${last}, the last of ${name}`,
      )
    }
    this.tokens.set(name, fencingToken)
  }

  private judgeOne(request: Request): void {
    const { world } = this
    const { handle, uuid, host } = request
    const fallen = this.locksOf(request).find(
      lock => lock.holder(uuid)?.createRevision !== handle!.fencingToken,
    )
    const believes = world.believes(request)
    if (fallen && believes && !request.isOverthrown) {
      world.violate(`${uuid} believes that it holds ${fallen.name} with the token ${handle!.fencingToken}`)
    }
    const isPast = !believes && world.now > host.awakeAt
    const isOverdue = (fallen !== undefined || isPast) && world.weather.isCalm(host)
    if (!isOverdue) return void (request.overdueSince = undefined)
    request.overdueSince ??= world.now
    const allowed = fallen ? NOTICE_MS + 10 * world.weather.climate.latency[1] : TIMER_MS
    // What disturbs it may begin and end between two judgements.
    const since = Math.max(request.overdueSince, world.weather.calmSince(host))
    if (world.now - since <= allowed) return
    const why = fallen ? `its holder key of ${fallen.name} is gone` : 'its deadline has passed'
    world.violate(`the signal of ${uuid} is not aborted although ${why}`)
  }

  private judgeLimits(name: string): void {
    const believers = [...this.held].filter(
      request => request.terms.names.includes(name) && !request.isOverthrown && this.world.believes(request),
    )
    if (believers.length <= smallestLimit(believers.map(({ terms }) => terms.concurrency))) return
    const ids = believers.map(({ uuid }) => uuid).join(', ')
    this.world.violate(`too many believe that they hold ${name}: ${ids}`)
  }

  private locksOf({ terms }: Request): LockView[] {
    return this.world.locks.filter(({ name }) => terms.names.includes(name))
  }
}
