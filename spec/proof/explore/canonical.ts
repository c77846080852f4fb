import type { KeyEvent, KeyValue } from '../../../lib/kv/key-value.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { type Call, type Commit, isCommit } from './call.js'
import type { Client } from './client.js'
import type { World } from './world.js'

const texts = new Map<string, number>()
const keyTexts = new WeakMap<KeyValue, string>()
const opsTexts = new WeakMap<Commit, string>()
const snapshotTexts = new WeakMap<Snapshot, string>()

/**
 * A state as text. Of revisions only the order counts for what can happen next, so each stands as its rank; that is why
 * there are finitely many states.
 */
export function canonical(world: World): string {
  const { etcd, clients, strays, doomed, trouble } = world
  const parts = [
    etcd.keys.map(keyText).join(''),
    [...etcd.leases].sort().join(),
    doomed.join(),
    Object.values(trouble).join(),
    strays
      .map(({ uuid, call }) => uuid + callText(call))
      .sort()
      .join(';'),
    ...clients.map(clientText),
  ]
  return ranked(parts.join('\n'))
}

/** Revisions stand as `@12`, which nothing else does. */
function ranked(text: string): string {
  const found = [...new Set(text.match(/@\d+/g)), '@0'].map(mark => Number(mark.slice(1)))
  const sorted = [...new Set(found)].sort((a, b) => a - b)
  return text.replaceAll(/@\d+/g, mark => `@${sorted.indexOf(Number(mark.slice(1)))}`)
}

function clientText(client: Client): string {
  const { stage, goal, call, isStopped, time, snapshot, guess, watches } = client
  const flags = [
    client.isGuess,
    client.isUnsettled,
    client.isGrantedByUs,
    client.mayLearn,
    client.mayHandOver,
    isStopped,
    client.isStale,
    client.wentAway,
  ]
  const leases = [client.holderLease, client.ticketLease, client.idleHolder, client.idleTicket, client.minted]
  return [
    stage,
    goal,
    time,
    client.timer,
    flags.map(Number).join(''),
    leases.join(),
    `@${client.token}`,
    call ? callText(call) : '',
    snapshotText(snapshot),
    // Only those who watch ask how old it is.
    watches.length > 0 ? `@${snapshot.revision}` : '',
    guess === snapshot ? '=' : snapshotText(guess),
    ...watches.map(({ range, batches }) => `${range.key}:${batches.map(batchText).join('/')}`),
  ].join('|')
}

function callText(call: Call): string {
  if (isCommit(call)) return `${call.kind}${opsText(call)}${snapshotText(call.from)}`
  switch (call.kind) {
    case 'read':
      return call.kind + call.why
    case 'watch':
      return call.kind + call.ranges.map(range => range.key).join()
    case 'revoke':
      return call.kind + call.leases.join()
  }
}

/** What a commit writes; what it compares follows from where it was made from. */
function opsText(call: Commit): string {
  let text = opsTexts.get(call)
  if (text === undefined) {
    const { success, failure } = call.transaction
    opsTexts.set(call, (text = short(JSON.stringify([success, failure]))))
  }
  return text
}

function batchText(batch: readonly KeyEvent[]): string {
  return batch
    .map(event => (event.type === 'put' ? keyText(event.kv) : `-${short(event.key)}@${event.modRevision}`))
    .join('')
}

function snapshotText(snapshot: Snapshot): string {
  let text = snapshotTexts.get(snapshot)
  if (text === undefined) {
    const { keyLocks, holders, tickets } = snapshot
    const all = [...[...holders.values()].map(keyText).sort(), '!', ...[...tickets.values()].map(keyText)]
    text = (keyLocks ? keyText(keyLocks) : '') + all.join('')
    snapshotTexts.set(snapshot, text)
  }
  return text
}

function keyText(kv: KeyValue): string {
  let text = keyTexts.get(kv)
  if (text === undefined) {
    text = `${short([kv.key, kv.value, kv.lease].join(' '))}@${kv.createRevision}@${kv.modRevision}`
    keyTexts.set(kv, text)
  }
  return text
}

/** A number for a text, and always the same one. */
function short(text: string): string {
  let number = texts.get(text)
  if (number === undefined) texts.set(text, (number = texts.size))
  return `#${number}`
}
