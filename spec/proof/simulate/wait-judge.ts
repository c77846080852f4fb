import { parseTerms } from '../../../lib/protocol/terms.js'
import { idIn } from '../../../lib/protocol/lock-key.js'
import { type LockView, smallestLimit } from './lock-view.js'
import type { Request } from './request.js'
import type { World } from './world.js'

/** The first in the queue takes a free lock within this many milliseconds, while its network works. */
const WAKE_MS = 3_000
/**
 * Nobody renews the ticket of a client that has left: it ends with its lease, and calls that were under way. Where others of its process wait on
 * that lease, they renew it until they stand on another, which takes calls that are answered.
 */
const TICKET_MS = 40_000

/** Judges that nobody waits in vain. */
export class WaitJudge {
  /** By lock: whose turn it is, and since when. */
  private readonly turns = new Map<LockView, { uuid: string; since: number }>()

  constructor(private readonly world: World) {}

  judge(): void {
    for (const lock of this.world.locks) this.judgeQueue(lock)
  }

  private judgeQueue(lock: LockView): void {
    const { world, turns } = this
    const [first] = lock.tickets
    const uuid = first && idIn(first)
    const request = uuid === undefined ? undefined : world.requests.get(uuid)
    if (!uuid || !request) return void turns.delete(lock)
    const leftAt = Math.max(request.endedAt, world.weather.calmSince(request.host))
    if (request.phase !== 'waiting' && world.now > leftAt + TICKET_MS) {
      world.violate(`a ticket of ${uuid} stands in the queue of ${lock.name} long after it has left`)
    }
    const turn = turns.get(lock)
    if (!this.isTurnOf(request)) return void turns.delete(lock)
    if (turn?.uuid !== uuid) return void turns.set(lock, { uuid, since: world.now })
    const allowed = WAKE_MS + 10 * world.weather.climate.latency[1]
    // What disturbs it may begin and end between two judgements.
    const since = Math.max(turn.since, world.weather.calmSince(request.host))
    if (world.now - since <= allowed) return
    world.violate(`${uuid} is first in the queue of ${lock.name}, which is free, and does not take it`)
  }

  private isTurnOf({ host, phase, terms, uuid }: Request): boolean {
    const { world } = this
    if (host.isDead || phase !== 'waiting' || !world.weather.isCalm(host)) return false
    return world.locks
      .filter(({ name }) => terms.names.includes(name))
      .every(({ tickets: [first], holders }) => {
        // Whoever has no holder key holds nothing, whatever the KeyLocks says.
        const limits = holders.map(({ value }) => parseTerms(value)!.concurrency)
        const fits = holders.length < smallestLimit([terms.concurrency, ...limits])
        return fits && first !== undefined && idIn(first) === uuid
      })
  }
}
