import type { Lock } from '../../../lib/lock/api/lock.js'
import { KeyLocks } from '../../../lib/model/key-locks.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { GUARDED } from './guarded-write.js'
import { Host } from './host.js'
import type { World } from './world.js'

/** How long a Lock may take to close: revocations that fail are repeated for 30 s. */
const CLOSE_MS = 40_000
/** What a lost handle still releases, unknown to anybody, is given up after so long. */
const AFTER_CLOSE_MS = 12_000
/** All leases but those of markers have ended after this, however wrong the clocks were. */
const LEASES_MS = 150_000
const TRACES_MS = 3_700_000
/** Seconds. */
const TRACE_TTL = 3_600

/** What is left when all have let go. */
export class Aftermath {
  /** Somebody new, whose clocks are right. */
  private readonly newcomer = new Host('new', 0, 0)

  constructor(
    private readonly world: World,
    private readonly locks: ReadonlyMap<Host, Lock>,
    /** Opens a Lock on a host. */
    private readonly open: (host: Host) => Lock,
  ) {}

  async run(): Promise<void> {
    await this.closeAll()
    await this.pass(LEASES_MS)
    if (this.world.violation) return
    this.expectNoHolders()
    if (this.world.locks.some(({ keyLocks }) => keyLocks)) await this.expectFree()
    await this.pass(TRACES_MS)
    if (this.world.violation) return
    const { keys, leases } = this.world.etcd
    const left = [...keys.keys()].filter(key => !key.startsWith(GUARDED))
    if (left.length > 0) this.world.violate(`${left.join(', ')} is left at the end`)
    if (leases.size > 0) this.world.violate(`${leases.size} leases are left at the end`)
  }

  private async closeAll(): Promise<void> {
    const { world } = this
    await this.each(world.living, host => this.locks.get(host)!.close())
    await this.pass(AFTER_CLOSE_MS)
    for (const host of world.living) {
      const timers = world.scheduler.timersOf(host)
      if (timers > 0) world.violate(`${timers} timers of ${host.name} are left after it has closed its Lock`)
    }
  }

  private expectNoHolders(): void {
    const { world } = this
    const now = Timestamp.fromMillis(this.newcomer.wall(world.now))
    for (const { name, key, holders, tickets, keyLocks } of world.locks) {
      const left = [...holders, ...tickets].map(kv => kv.key)
      if (left.length > 0) world.violate(`${left.join(', ')} has outlived all leases`)
      const live = keyLocks ? KeyLocks.fromJson(key.path, keyLocks.value).live({ now }) : []
      if (live.length > 0) world.violate(`${name} is still held by ${live.map(String).join(', ')}`)
    }
    const leases = [...world.etcd.leases.values()].filter(({ ttl }) => ttl < TRACE_TTL)
    if (leases.length > 0) world.violate(`${leases.length} leases are still renewed`)
  }

  /** Somebody new gets each lock at once, and leaves nothing behind. */
  private async expectFree(): Promise<void> {
    const { world, newcomer } = this
    const lock = this.open(newcomer)
    await this.each([newcomer], async () => {
      for (const { name } of world.locks) {
        const held = await lock.tryAcquire(name)
        if (!held) world.violate(`${name} is not free at the end`)
        await held?.release()
      }
      await lock.close()
    })
  }

  private async each(hosts: readonly Host[], work: (host: Host) => Promise<void>): Promise<void> {
    const { world } = this
    const busy = new Set(hosts)
    for (const host of hosts) {
      world.scheduler.after(0, host, 'end', () => {
        work(host).then(
          () => busy.delete(host),
          (error: unknown) => world.violate(`${host.name} failed at the end: ${String(error)}`),
        )
      })
    }
    const isOver = (): boolean => busy.size === 0 || world.violation !== undefined
    if (await world.scheduler.run(world.now + CLOSE_MS, isOver)) return
    world.violate(`${[...busy].map(({ name }) => name).join(', ')} does not end`)
  }

  private async pass(ms: number): Promise<void> {
    const { world } = this
    await world.scheduler.run(world.now + ms, () => world.violation !== undefined)
  }
}
