import type { KeyEvent, KeyValue } from '../../../lib/kv/key-value.js'
import type { LockView } from './lock-view.js'
import { idIn } from '../../../lib/protocol/lock-key.js'
import { smallestLimit } from './lock-view.js'
import { GUARDED } from './guarded-write.js'
import type { Request } from './request.js'
import type { World } from './world.js'

/** Timers that were due in a pause, and the timers that they set, have run after so many milliseconds. */
const RESUMING_MS = 25

/** Judges each revision of etcd. */
export class TruthJudge {
  /** Whose each holder key is: one that is deleted does not say. */
  private readonly owners = new Map<string, string>()

  constructor(private readonly world: World) {}

  onRevision(events: readonly KeyEvent[]): void {
    for (const event of events) {
      if (event.type === 'put') this.onPut(event.kv)
      else this.onDelete(event.key)
    }
    for (const lock of this.world.locks) {
      if (events.some(event => isOf(lock, event))) this.judge(lock)
    }
  }

  private onPut({ key, value }: KeyValue): void {
    this.owners.set(key, idIn({ key, value }))
    if (!key.startsWith(GUARDED)) return
    const [uuid, token] = value.split(' ') as [string, string]
    const request = this.world.requests.get(uuid)!
    for (const lock of this.world.locks.filter(({ name }) => request.terms.names.includes(name))) {
      if (lock.holder(uuid)?.createRevision === BigInt(token)) continue
      this.world.violate(`a guarded write of ${uuid} was applied although it did not hold ${lock.name}`)
    }
  }

  private onDelete(key: string): void {
    const lock = this.world.locks.find(each => key.startsWith(each.key.holders.key))
    const request = this.world.requests.get(this.owners.get(key) ?? '')
    if (lock && request) this.onFallen(lock, request)
  }

  private onFallen({ name }: LockView, request: Request): void {
    const { world } = this
    const { cause } = world.etcd
    if (cause === 'fault' || request.isMeddledWith) request.isOverthrown = true
    if (request.isOverthrown) return
    const what = typeof cause === 'string' ? cause : `a call of ${cause.name}`
    if (world.believes(request)) {
      world.violate(`${request.uuid} believes that it holds ${name}, and ${what} took its holder key away`)
    }
    const { host, handle, isReleased } = request
    const couldRun =
      !host.isDead && !host.isPaused && world.now > Math.max(host.resumedAt + RESUMING_MS, host.awakeAt)
    if (cause === 'expiry' && handle && !isReleased && couldRun && !handle.signal.aborted) {
      world.violate(`the lease of ${request.uuid} ended before its signal was aborted`)
    }
  }

  private judge(lock: LockView): void {
    const { holders, keyLocks, name } = lock
    if (holders.length === 0) return
    const limits = holders.map(({ value }) => (JSON.parse(value) as { concurrency: number }).concurrency)
    if (holders.length > smallestLimit(limits)) {
      this.world.violate(`${name} has ${holders.length} holder keys, with the limits ${limits.join(', ')}`)
    }
    const entries = JSON.parse(keyLocks?.value ?? '{}') as object
    const stray = holders.find(holder => !(idIn(holder) in entries))
    if (stray) this.world.violate(`the holder key ${stray.key} has no entry in ${lock.key.path}`)
  }
}

function isOf({ key }: LockView, event: KeyEvent): boolean {
  const changed = event.type === 'put' ? event.kv.key : event.key
  return changed === key.path || changed.startsWith(key.holders.key)
}
