import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { parseTerms } from '../../../lib/protocol/terms.js'
import type { Etcd } from './etcd.js'
import { NOW } from './time.js'

/** What must never be. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** What is to be true of etcd at any time. */
export function checkTruth({ truth: { holders }, keyLocks }: Etcd): void {
  for (const id of holders.keys()) {
    if (!keyLocks.locks.has(id)) throw new Violation(`${id} has a holder key and no entry in the KeyLocks`)
  }
  const asked = [...holders.values()].map(({ value }) => parseTerms(value)!)
  checkLimit('holder keys', asked)
  checkLimit('live entries', keyLocks.live({ now: NOW, alive: new Set(holders.keys()) }))
}

/** What a transaction that is made for an id may do. */
export function checkChange({ truth: before }: Etcd, { truth: after }: Etcd, uuid: string): void {
  for (const [id, { createRevision }] of after.holders) {
    if (before.holders.get(id)?.createRevision !== createRevision) checkGrant(before, after, id)
  }
  const robbed = [...before.holders.keys()].find(id => id !== uuid && !after.holders.has(id))
  if (robbed) throw new Violation(`${uuid} takes away the holder key of ${robbed}`)
}

/** Whoever comes by a holder key was the first of those who waited, and has the greatest token. */
function checkGrant(before: Snapshot, after: Snapshot, id: string): void {
  const queue = [...before.tickets.keys()]
  const ahead = queue.includes(id) ? queue.slice(0, queue.indexOf(id)) : queue
  const passed = ahead.find(older => after.tickets.has(older))
  if (passed) throw new Violation(`${id} is granted before ${passed}, whose ticket is older`)
  const token = after.holders.get(id)!.createRevision
  const elder = [...before.holders.values()].find(({ createRevision }) => createRevision >= token)
  if (elder)
    throw new Violation(`${id} is granted with token ${token}, which does not exceed that of ${elder.key}`)
}

function checkLimit(what: string, locks: readonly { owner: string; concurrency: number }[]): void {
  const limit = Math.min(...locks.map(({ concurrency }) => concurrency || Infinity))
  if (locks.length <= limit) return
  const owners = locks.map(({ owner }) => owner).join(', ')
  throw new Violation(`${locks.length} ${what} where ${limit} may be: ${owners}`)
}
