import type { KeyEvent, KeyValue } from '../../../lib/kv/key-value.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { type Call, type Commit, isCommit } from './call.js'
import type { Administrator } from './administrator.js'
import type { Client } from './client.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Process } from './process.js'
import type { ToldTicket } from '../../../lib/protocol/terms.js'
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
  const { etcd, clients, processes, strays, doomed, trouble, administrator } = world
  const parts = [
    etcd.keys.map(keyText).join(''),
    [...etcd.leases].sort().join(),
    doomed.join(),
    Object.values(trouble).join(),
    strays.map(callText).sort().join(';'),
    ...clients.map(clientText),
    ...processes.map(process => processText(process, world.keys)),
    ...(administrator ? [administratorText(administrator)] : []),
  ]
  return ranked(parts.join('\n'))
}

/** Revisions stand as `@12`, which nothing else does. */
function ranked(text: string): string {
  const marks = new Set(text.match(/@\d+/g)).add('@0')
  const sorted = [...marks].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  const ranks = new Map(sorted.map((mark, rank) => [mark, `@${rank}`]))
  return text.replaceAll(/@\d+/g, mark => ranks.get(mark)!)
}

function clientText(client: Client): string {
  const { stage, goal, call, isStopped, time, snapshots, watches } = client
  const flags = [
    client.isGuess,
    client.isUnsettled,
    client.attempt.isTicketInDoubt,
    client.attempt.isGrantedByUs,
    client.mayPrefetch,
    client.mayHandOver,
    isStopped,
    client.isStale,
    client.wentAway,
  ]
  const { holderLeases, ticketLease, idleHolders, idleTicket, minted } = client
  return [
    stage,
    goal,
    client.attempt.goal,
    client.attempt.phase,
    time,
    client.timer,
    flags.map(Number).join(''),
    [...holderLeases, ticketLease, ...idleHolders, idleTicket, minted].join(),
    client.tokens.map(token => `@${token}`).join(),
    call ? callText(call) : '',
    snapshots.map(snapshotText).join('&'),
    // Only those who watch ask how old it is, and those who share what they know.
    watches.length > 0 || client.home.isShared ? snapshots.map(({ revision }) => `@${revision}`).join() : '',
    snapshots
      .map(({ revision }, at) => Number(revision > client.home.cached(client.keys[at]!).revision))
      .join(''),
    client.granted ? snapshotText(client.granted) : '',
    client.home.isShared ? `@${client.queuedAt ?? 0n}` : '',
    client.home.isShared ? '' : client.cached.map(snapshotText).join('&'),
    ...watches.map(({ range, batches }) => `${range.key}:${batches.map(batchText).join('/')}`),
  ].join('|')
}

function processText(process: Process, keys: readonly LockKey[]): string {
  const { isShared, state, commit } = process
  const seen = isShared ? keys.map(key => process.cached(key)) : []
  return [
    state.kind,
    ...seen.map(each => `${snapshotText(each)}@${each.revision}`),
    ...(state.kind === 'idle' ? [] : state.line.entries).map(
      ({ kind, uuid, from, isAlone }) =>
        `${kind}${uuid}${Number(isAlone ?? false)}${snapshotText(from)}@${from.revision}`,
    ),
    commit ? callText(commit) : '',
    state.kind === 'sent'
      ? state.turn.taken.map(each => each.kind + Number(state.over.has(each))).join()
      : '',
  ].join('|')
}

function administratorText({ stage, call, ...rest }: Administrator): string {
  const flags = [rest.mayHandOver, rest.isUnsettled, rest.hasTaken].map(Number).join('')
  return [stage, flags, call ? callText(call) : ''].join('|')
}

function callText(call: Call): string {
  if (isCommit(call)) {
    const from = call.parts.map(part => `${part.at}${snapshotText(part.from)}`)
    const riders = (call.riders ?? []).map(({ client }) => client).join()
    return `${call.kind}${call.uuid}${opsText(call)}${from.join('&')}>${riders}`
  }
  switch (call.kind) {
    case 'together':
      return call.kind + call.what
    case 'ride':
      return call.kind + Number(call.isAboard) + callText(call.alone)
    case 'read':
      return call.kind + call.why
    case 'watch':
      return call.kind + call.ranges.map(range => range.key).join()
    case 'revoke':
      return call.kind + call.leases.join()
    case 'adopt':
      return call.kind + call.lease
  }
}

/** What a commit writes; what it compares follows from where it was made from. */
function opsText(call: Commit): string {
  let text = opsTexts.get(call)
  if (text === undefined) {
    const { parts, extra } = call
    const ops = parts.flatMap(({ transaction: { success, failure } }) => [success, failure])
    const plain = ops.map(some =>
      some.map(op => (op.type === 'put' ? { ...op, value: plainText(op.value) } : op)),
    )
    const told = ops.flat().flatMap(op => (op.type === 'put' ? toldText(op.value) : []))
    opsTexts.set(call, (text = short(JSON.stringify([plain, extra])) + told.join('')))
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
    text = (keyLocks ? keyText(keyLocks) : '') + Number(snapshot.knowsHolders ?? false) + all.join('')
    snapshotTexts.set(snapshot, text)
  }
  return text
}

function keyText(kv: KeyValue): string {
  let text = keyTexts.get(kv)
  if (text === undefined) {
    const plain = short([kv.key, plainText(kv.value), kv.lease].join(' '))
    text = `${plain}@${kv.createRevision}@${kv.modRevision}${toldText(kv.value)}`
    keyTexts.set(kv, text)
  }
  return text
}

/** Without the revisions of the tickets that it tells of. */
function plainText(value: string): string {
  return value.replace(/,"queue":.*/, '')
}

function toldText(value: string): string {
  if (!value.includes('"queue":')) return ''
  const { queue = [] } = JSON.parse(value) as { queue?: ToldTicket[] }
  return queue.map(([uuid, revision, terms]) => `${short(uuid + JSON.stringify(terms))}@${revision}`).join('')
}

/** A number for a text, and always the same one. */
function short(text: string): string {
  let number = texts.get(text)
  if (number === undefined) texts.set(text, (number = texts.size))
  return `#${number}`
}
