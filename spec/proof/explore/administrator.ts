import type { LeaseId } from '../../../lib/kv/key-value.js'
import type { Put } from '../../../lib/kv/transaction.js'
import { putMarker } from '../../../lib/protocol/force.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { agedCall, type Call } from './call.js'
import { uuidOf } from './client.js'
import { keyOf, type LockName, nothingOf } from './lock-names.js'
import { agedSnapshot } from './time.js'

/** Whose first request is released by force, or sent away, and from which lock. */
export interface Force {
  readonly client: number
  /** x when not given. */
  readonly lock?: LockName
}

/** Takes what an id has of one lock, once: a holding, or a place in the queue. */
export class Administrator {
  /** `ready`: it may begin at any time. */
  stage: 'ready' | 'calling' | 'done' = 'ready'
  call: Call | undefined
  snapshot: Snapshot
  mayHandOver = true
  /** A release was sent and not answered. */
  isUnsettled = false
  /** What it is told: whether it took anything. */
  hasTaken = false
  readonly marker: Put
  /** Of the marker. It outlives all that is explored. */
  readonly lease: LeaseId = '90'

  constructor(
    readonly uuid: string,
    readonly key: LockKey,
  ) {
    this.snapshot = nothingOf(key)
    this.marker = putMarker(key, uuid, { by: 'administrator', reason: 'to see' }, this.lease)
  }

  static for({ client, lock = 'x' }: Force): Administrator {
    return new Administrator(uuidOf(client, 0), keyOf(lock))
  }

  copy(): Administrator {
    return Object.assign(new Administrator(this.uuid, this.key), this)
  }

  /** The clock goes on. */
  age(): void {
    this.call &&= agedCall(this.call)
    this.snapshot = agedSnapshot(this.snapshot)
  }

  send(call: Call): void {
    this.stage = 'calling'
    this.call = call
  }
}
