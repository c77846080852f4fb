import { etcd3Lock } from '../peers/etcd3-lock.js'
import { lockRpc } from '../peers/lock-rpc.js'
import type { Peer } from '../peers/peer.js'
import { redlock } from '../peers/redis.js'
import { spicelock } from '../peers/spicelock.js'
import type { Result } from '../report/result.js'
import { round } from '../report/table.js'
import { figureOf } from '../scenarios/scenario.js'
import { chartOf, tableOf } from './markdown.js'

const PEERS: readonly Peer[] = [spicelock, lockRpc, etcd3Lock, redlock('always'), redlock('none')]

/** What most ask for first: the scenario, its load, the figure, and how it is called. */
const COLUMNS = [
  ['cycle', 'one client', 'cycleP50', 'alone: ms for each cycle'],
  ['parallel', '64 names', 'cyclesPerSecond', '64 names: cycles/s'],
  ['handoff', '16 waiters, 1 process', 'cyclesPerSecond', '16 waiters: hand-offs/s'],
  ['handoff', '100 waiters, 4 processes', 'cyclesPerSecond', '100 waiters in 4 processes: hand-offs/s'],
] as const

/** Some figures of each lock, and a chart. */
export function summarySection(results: readonly Result[], toRoot: string): string {
  const cell = (peer: Peer, [scenario, load, figure]: (typeof COLUMNS)[number]): string => {
    const result = results.find(each => each.scenario === scenario)
    const spread = result && figureOf(result.variants, load, peer.name, figure)
    return spread ? round(spread.median) : ''
  }
  const isMeasured = results.some(({ scenario }) => scenario === 'parallel')
  if (!isMeasured) return 'Not measured yet: `npm run bench` writes it here.'
  return [
    tableOf([
      ['', ...COLUMNS.map(([, , , head]) => head)],
      ...PEERS.map(peer => [peer.name, ...COLUMNS.map(column => cell(peer, column))]),
    ]),
    chartOf('parallel', 'cycles a second of many names in one process', toRoot),
  ].join('\n\n')
}
