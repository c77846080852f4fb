import { round } from '../report/table.js'
import type { Result } from '../report/result.js'
import { ETCDS, loadOfEtcds } from '../scenarios/curves.js'
import type { Figures } from '../scenarios/scenario.js'
import { tableOf } from './markdown.js'

const CALCULATED = [10, 100]

/** What several etcds do, measured as far as one machine goes, and calculated from one of them beyond that. */
export function etcdsSection({ variants }: Result): string {
  const [one, ...more] = ETCDS.flatMap(count => {
    const outcome = variants.find(({ name }) => name === loadOfEtcds(count))
    const [figures] = Object.values(outcome?.peers ?? {})
    return figures ? [[count, costsOf(figures)] as const] : []
  })
  if (!one) return 'The curve of the etcds was not measured.'
  const [, single] = one
  const row = (count: number, { rate, etcd, node }: Costs, how: string): string[] => [
    String(count),
    how,
    rate.toFixed(0),
    round(rate / single.rate),
    round((rate * etcd) / 1e6),
    round((rate * node) / 1e6),
  ]
  const measured = [one, ...more].map(([count, costs]) => row(count, costs, 'measured, all on this machine'))
  const calculated = CALCULATED.map(count =>
    row(count, { ...single, rate: count * single.rate }, 'calculated: each as the first'),
  )
  return [
    tableOf([
      ['etcds', '', 'cycles/s', 'gain', 'cores for etcd', 'cores for clients'],
      ...measured,
      ...calculated,
    ]),
    '',
    `One cycle costs etcd ${single.etcd.toFixed(0)} µs of CPU, and its clients ${single.node.toFixed(0)} µs.`,
  ].join('\n')
}

interface Costs {
  readonly rate: number
  /** Microseconds of CPU for each cycle. */
  readonly etcd: number
  readonly node: number
}

function costsOf({ cyclesPerSecond, etcdCpu, clientMicros }: Figures): Costs {
  const rate = cyclesPerSecond!.median
  return { rate, etcd: (etcdCpu!.median / rate) * 1e6, node: clientMicros!.median }
}
