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

function stateText({ etcd, keys, clients, administrator }: World): string {
  const idsOf = (held: ReadonlyMap<string, { lease: string | undefined }>): string =>
    [...held].map(([id, { lease }]) => `${id}(${lease})`).join(' ') || '-'
  const locks = keys.flatMap(key => {
    const { holders, tickets } = etcd.truth(key)
    const of = keys.length > 1 ? `${key.name}: ` : ''
    const entries = [...etcd.keyLocks(key).locks.keys()].join(' ') || '-'
    return [`${of}entries ${entries}`, `holders ${idsOf(holders)}`, `queue ${idsOf(tickets)}`]
  })
  const stages = [...clients, ...(administrator ? [{ name: 'administrator', ...administrator }] : [])].map(
    ({ name, stage, call }) => `${name} ${call && stage === 'calling' ? call.kind : stage}`,
  )
  return [...locks, `leases ${[...etcd.leases].join(' ')}`, stages.join(', ')].join(' | ')
}
