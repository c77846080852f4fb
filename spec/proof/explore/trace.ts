import { keyLocksOf } from '../../../lib/protocol/snapshot.js'
import { withShortIds } from './client.js'
import type { Step } from './explorer.js'
import type { World } from './world.js'

/** The way to a violation, for people. */
export function traceText(trace: readonly Step[], message: string): string {
  const lines = trace.map(({ move, world }, at) => {
    const number = String(at + 1).padStart(3)
    return `${number}. ${move.padEnd(44)} ${world ? stateText(world) : ''}`.trimEnd()
  })
  return withShortIds([...lines, `     => ${message}`].join('\n'))
}

function stateText({ etcd: { truth, leases }, clients }: World): string {
  const { locks } = keyLocksOf(truth)
  const keysOf = (keys: ReadonlyMap<string, { lease: string | undefined }>): string =>
    [...keys].map(([id, { lease }]) => `${id}(${lease})`).join(' ') || '-'
  const parts = [
    `entries ${[...locks.keys()].join(' ') || '-'}`,
    `holders ${keysOf(truth.holders)}`,
    `queue ${keysOf(truth.tickets)}`,
    `leases ${[...leases].join(' ')}`,
    clients
      .map(({ name, stage, call }) => `${name} ${call && stage === 'calling' ? call.kind : stage}`)
      .join(', '),
  ]
  return parts.join(' | ')
}
