import { describe, expect, it } from '@jest/globals'
import { overlaps } from '../bench/load/overlaps.js'
import { benchOptions } from '../bench/options.js'
import { fieldOf } from '../bench/peers/etcd-calls.js'
import { losses } from '../bench/report/compare.js'
import { type Result, resultOf } from '../bench/report/result.js'
import { tablesOf } from '../bench/report/table.js'
import { cycle } from '../bench/scenarios/cycle.js'
import type { Figures } from '../bench/scenarios/scenario.js'

const settings = { rounds: 1, warmSeconds: 0, seconds: 1 }

/** Every peer has the same figures, but for the p50 of its cycles. */
function outcome(p50: Readonly<Record<string, number>>): ReadonlyMap<string, Figures> {
  const same = (median: number) => ({ median, least: median, most: median })
  return new Map(
    cycle.peers.map(({ name }) => [
      name,
      {
        cyclesPerSecond: same(100),
        cycleP50: same(p50[name] ?? 2),
        cycleP99: same(9),
        waitP99: same(5),
        clientCpu: same(0.5),
        serverCpu: same(0.25),
        unfairness: same(1),
        violations: 0,
      },
    ]),
  )
}

const result = (p50: Readonly<Record<string, number>>): Result =>
  resultOf(cycle, [outcome(p50)], settings, '3.5.0')

describe('The bench', () => {
  it('counts holdings that overlap, whichever process had them', () => {
    expect(overlaps([Float64Array.of(0, 10, 20, 30), Float64Array.of(10, 20)])).toBe(0)
    expect(overlaps([Float64Array.of(0, 10, 20, 30), Float64Array.of(9, 12)])).toBe(1)
    expect(overlaps([Float64Array.of(0, 100), Float64Array.of(10, 20), Float64Array.of(30, 40)])).toBe(2)
  })

  it('says of each target whether it holds', () => {
    const { targets } = result({ spicelock: 2.2, 'spicelock, handle': 2.3 })
    expect(targets.map(({ name, holds }) => [name, holds])).toEqual([
      ['spicelock: p50 / two raw puts', true],
      ['spicelock: p50 / Lock RPC', false],
      ['spicelock: p99 / Lock RPC', true],
      ['spicelock, handle: p50 / two raw puts', false],
      ['spicelock, handle: p50 / Lock RPC', false],
      ['spicelock, handle: p99 / Lock RPC', true],
    ])
    expect(tablesOf(result({ spicelock: 2.2 }))).toMatch(/spicelock: p50 \/ Lock RPC .* 1\.10 .* MISSED/)
  })

  it('finds the ratios that are a fifth worse than before, and no others', () => {
    const before = [result({ spicelock: 2 })]
    expect(losses(before, result({ spicelock: 2.3 }))).toEqual([])
    expect(losses(before, result({ spicelock: 2.5 }))).toEqual([
      'cycle, spicelock: p50 / two raw puts: 1.25, was 1.00',
      'cycle, spicelock: p50 / Lock RPC: 1.25, was 1.00',
    ])
    expect(losses([], result({ spicelock: 9 }))).toEqual([])
  })

  it('reads the fields of a message of etcd', () => {
    const message = Buffer.from([0x0a, 2, 0x08, 1, 0x10, 0x96, 0x01, 0x1a, 1, 0x78])
    expect([1, 2, 3, 4].map(field => fieldOf(message, field))).toEqual([
      Buffer.from([0x08, 1]),
      150n,
      Buffer.from('x'),
      undefined,
    ])
  })

  it('names an option that it cannot use', () => {
    expect(() => benchOptions(['--rounds', '0'])).toThrow(
      "--rounds must be a whole number from 1 to 100, got '0'",
    )
    expect(benchOptions(['cycle', '--quick'])).toMatchObject({ scenarios: ['cycle'], rounds: 3, seconds: 1 })
    expect(benchOptions(['--help'])).toBeUndefined()
  })
})
