import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { shareOf } from '../bench/backends/busy.js'
import { isRecent } from '../bench/backends/etcd-to-measure.js'
import { trafficIn } from '../bench/backends/traffic.js'
import type { Load } from '../bench/load/load.js'
import { overlaps } from '../bench/load/overlaps.js'
import { runLoad } from '../bench/load/run-load.js'
import { benchOptions, USAGE } from '../bench/options.js'
import { fieldOf } from '../bench/peers/etcd-calls.js'
import type { PeerClient, PeerProcess } from '../bench/peers/peer.js'
import { byIds } from '../bench/peers/spicelock.js'
import { losses } from '../bench/report/compare.js'
import { canJudge, gateFailures } from '../bench/report/gate.js'
import { writeCurves } from '../bench/report/lines.js'
import { sharesOf } from '../bench/report/profile.js'
import { type Result, resultOf } from '../bench/report/result.js'
import { tablesOf } from '../bench/report/table.js'
import { cycle } from '../bench/scenarios/cycle.js'
import { type Round, roundOf, unfairnessOf } from '../bench/scenarios/figures.js'
import { scenariosNamed } from '../bench/scenarios/index.js'
import { type Outcome, ratioOf, spreadOf } from '../bench/scenarios/scenario.js'
import { Lock } from '../lib/index.js'
import { MemoryStore } from '../lib/testing/index.js'
import { rowsOf, textOf } from './docs/doc-blocks.js'

const settings = { mode: 'quick', rounds: 1, warmSeconds: 0, settleSeconds: 0, seconds: 1 } as const
const NO_COSTS = { ms: 1000, etcdCpuMs: 0, redisCpuMs: 0 }

const spread = (median: number) => ({ median, least: median, most: median, each: [median] })

/** Every peer has the same figures, but for the p50 of its cycles. */
function outcome(p50: Readonly<Record<string, number>>): Outcome {
  const peers = cycle.peers.map(({ name }) => [
    name,
    { cycleP50: spread(p50[name] ?? 2), cycleP99: spread(9) },
  ])
  return { name: cycle.variants[0]!.name, peers: Object.fromEntries(peers) as Outcome['peers'] }
}

const result = (p50: Readonly<Record<string, number>>): Result =>
  resultOf(cycle, [outcome(p50)], settings, '3.5.0')

/** What a load of this client, in one process, comes to. */
async function measured(client: PeerClient, changes: Partial<Load> = {}): Promise<Round> {
  const load: Load = {
    names: ['wanted'],
    take: 1,
    clients: 4,
    firstClient: 0,
    holdMs: 0,
    until: 'time',
    gathers: false,
    warmSeconds: 0,
    seconds: 0.1,
    endpoints: [],
    ...changes,
  }
  const peer: PeerProcess = { client: () => Promise.resolve(client), close: () => Promise.resolve() }
  return roundOf([await runLoad(peer, load)], load.names, NO_COSTS)
}

function lockInMemory(): Lock {
  return new Lock({ store: new MemoryStore(), prefix: 'custom', owner: 'bench', dryRun: false })
}

describe('The bench', () => {
  const held = (limit: number, ...times: number[]) => ({ limit, times: Float64Array.from(times) })

  it('counts holdings that overlap, whichever process had them', () => {
    expect(overlaps([held(1, 0, 10, 20, 30), held(1, 10, 20)])).toBe(0)
    expect(overlaps([held(1, 0, 10, 20, 30), held(1, 9, 12)])).toBe(1)
    expect(overlaps([held(1, 0, 100), held(1, 10, 20), held(1, 30, 40)])).toBe(2)
  })

  it('lets as many overlap as the limit says, and readers, but no reader and writer', () => {
    expect(overlaps([held(2, 0, 10), held(2, 5, 15), held(2, 10, 20)])).toBe(0)
    expect(overlaps([held(2, 0, 10), held(2, 5, 15), held(2, 9, 20)])).toBe(1)
    const readers = [held(Infinity, 0, 10), held(Infinity, 5, 15)]
    expect(overlaps([...readers, held(1, 15, 20)])).toBe(0)
    expect(overlaps([...readers, held(1, 14, 20)])).toBe(1)
    expect(overlaps([...readers, held(1, 20, 30), held(Infinity, 29, 40)])).toBe(1)
  })

  it('finds that a peer does not lock, and nothing of one that does', async () => {
    const careless: PeerClient = { acquire: () => Promise.resolve(() => Promise.resolve()) }
    expect((await measured(careless)).overlaps).toBeGreaterThan(0)
    await using lock = lockInMemory()
    const locked = await measured(byIds(lock, 1), { seconds: 1 })
    expect(locked.overlaps).toBe(0)
    expect(locked.cyclesPerSecond).toBeGreaterThan(0)
    expect((await measured({ ...byIds(lock, 8), limit: 1 })).overlaps).toBeGreaterThan(0)
  })

  it('lets each client hold once, for its time', async () => {
    await using lock = lockInMemory()
    const { elapsed, cyclesPerSecond, unfairness } = await measured(byIds(lock, 1), {
      until: 'all-served',
      holdMs: 5,
    })
    // A timer of Node may fire a part of a millisecond early.
    expect(elapsed).toBeGreaterThan(4 * 4)
    expect((cyclesPerSecond * elapsed) / 1000).toBeCloseTo(4)
    expect(unfairness).toBe(1)
  })

  it('takes a turn more than others have for no unfairness, and starving for infinite', () => {
    expect([[], [3, 3], [1, 2]].map(unfairnessOf)).toEqual([1, 1, 1])
    expect(unfairnessOf([20, 22])).toBe(21 / 20)
    expect(unfairnessOf([0, 2])).toBe(Infinity)
  })

  it('takes the median of ratios round by round', () => {
    // The machine was ten times as slow in the first round, and twice as slow in the second half of the third.
    const [ours, theirs] = [spreadOf([1, 10, 10]), spreadOf([2, 20, 10])]
    expect(ratioOf(ours, theirs)).toBe(0.5)
    expect(ratioOf(ours, undefined)).toBeUndefined()
    expect(spreadOf([3, NaN, 1, 2])).toMatchObject({ median: 2, least: 1, most: 3 })
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
    expect(tablesOf(result({ spicelock: 2.2 }), 'cycleP50')).toMatch(
      /spicelock: p50 \/ Lock RPC .* 1\.10 .* MISSED/,
    )
    expect(tablesOf(result({ spicelock: 2.004 }), 'cycleP50')).toMatch(/ 1\.002 .* at most 1 .* MISSED/)
  })

  it('has no target of what was not measured, and misses that of what was measured in vain', () => {
    const { name, peers } = outcome({ spicelock: NaN })
    const few = Object.entries(peers).filter(([peer]) => peer !== 'two raw puts')
    const { targets } = resultOf(cycle, [{ name, peers: Object.fromEntries(few) }], settings, '3.5.0')
    expect(targets[0]).toMatchObject({ name: 'spicelock: p50 / Lock RPC', value: NaN, holds: false })
    expect(targets.filter(({ name }) => name.includes('raw puts'))).toEqual([])
  })

  it('finds the ratios that are a fifth worse than before, and no others', () => {
    const before = [result({ spicelock: 2 })]
    expect(losses(before, result({ spicelock: 2.3 }))).toEqual([])
    expect(losses(before, result({ spicelock: 2.5 }))).toEqual([
      'cycle, spicelock: p50 / two raw puts: 1.25, was 1.00',
      'cycle, spicelock: p50 / Lock RPC: 1.25, was 1.00',
    ])
    expect(losses(before, result({ spicelock: NaN }))).toHaveLength(2)
    expect(losses([], result({ spicelock: 9 }))).toEqual([])
  })

  it('fails the gate where a ratio to the Lock RPC is beyond twice its target, or below half of it', () => {
    const one = (name: string, value: number, limit: number, bound: 'at least' | 'at most') => ({
      ...result({}),
      scenario: 'a scenario',
      targets: [{ name, value, limit, bound, holds: false, isGate: true }],
    })
    expect(gateFailures(one('rate', 2, 4, 'at least'))).toEqual([])
    expect(gateFailures(one('rate', 1.99, 4, 'at least'))).toEqual([
      'a scenario, rate: 1.99, must be at least 2',
    ])
    expect(gateFailures(one('p50', 2, 1, 'at most'))).toEqual([])
    expect(gateFailures(one('p50', 2.01, 1, 'at most'))).toEqual(['a scenario, p50: 2.01, must be at most 2'])
    expect(gateFailures(one('p50', NaN, 1, 'at most'))).toHaveLength(1)
    // What is no part of the gate is too noisy for it.
    expect(gateFailures(result({ 'two raw puts': 0.01 }))).toEqual([])
  })

  it('judges no ratio on a machine that others use', () => {
    const core = (user: number, idle: number) => ({ user, nice: 0, sys: 0, idle, irq: 0 })
    expect(shareOf([core(100, 100), core(0, 500)], [core(150, 150), core(0, 600)])).toBe(0.25)
    expect([[0.1, 0.3], [0.1, 0.9, 0.1], []].map(canJudge)).toEqual([true, false, true])
  })

  it('measures an old etcd only where no other can be had', () => {
    expect(['3.4.23', '3.5.0', '3.10.1', '4.0.0', '2.9.9'].map(isRecent)).toEqual([
      false,
      true,
      true,
      true,
      false,
    ])
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

  it('reads what etcd was asked, and what went over its connections', () => {
    const metrics = `# TYPE grpc_server_msg_received_total counter
grpc_server_msg_received_total{grpc_method="Txn",grpc_service="etcdserverpb.KV",grpc_type="unary"} 3
grpc_server_msg_received_total{grpc_method="Watch",grpc_service="etcdserverpb.Watch",grpc_type="bidi_stream"} 2
grpc_server_msg_received_total{grpc_method="LeaseKeepAlive",grpc_service="etcdserverpb.Lease",grpc_type="bidi_stream"} 4
grpc_server_msg_sent_total{grpc_method="Txn",grpc_service="etcdserverpb.KV",grpc_type="unary"} 3
etcd_network_client_grpc_received_bytes_total 1000
etcd_network_client_grpc_sent_bytes_total 1.5e+06`
    expect(trafficIn(metrics)).toEqual({ calls: 9, renewals: 4, bytes: 1_501_000 })
  })

  it('tells whose CPU time a profile shows, without the time in which nothing was done', () => {
    const at = (functionName: string, url: string) => ({ functionName, url })
    const frames = [
      at('(idle)', ''),
      at('release', 'file:///clone/node_modules/.cache/spicelock/bench-main.mjs'),
      at('send', 'file:///clone/node_modules/@grpc/grpc-js/build/src/call.js'),
      at('emit', 'node:events'),
      at('(garbage collector)', ''),
    ]
    const nodes = frames.map((callFrame, id) => ({ id, callFrame }))
    expect(sharesOf([{ nodes, samples: [0, 1, 2, 1, 3, 4], timeDeltas: [900, 30, 40, 10, 15, 5] }])).toEqual([
      ['spicelock', 0.4],
      ['@grpc/grpc-js', 0.4],
      ['Node', 0.15],
      ['(garbage collector)', 0.05],
    ])
  })

  it('draws what a growth costs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spicelock-spec-bench-'))
    const variants = [1, 10].map(at => ({
      name: `names: ${at}`,
      peers: { spicelock: { cyclesPerSecond: spread(at * 7) } },
    }))
    const points = [1, 10, 100].map(at => ({ at, load: `names: ${at}` }))
    await writeCurves(folder, [{ what: 'names', points }], { ...result({}), scenario: 'curves', variants })
    const svg = await readFile(join(folder, 'curves-names.svg'), 'utf8')
    await rm(folder, { recursive: true })
    // The first has a tenth of the most, and there is no third point.
    expect(svg).toContain('<polyline points="0,135 230,0"')
    expect(svg).toContain('>70.00</text>')
  })

  it('has a page with all scenarios, and with options that there are', () => {
    const page = 'docs/performance.md'
    const named = rowsOf(page, 'scenario').map(([name]) => name!.replaceAll('`', ''))
    expect(named).toEqual(scenariosNamed([]).map(({ name }) => name))
    const options = [...textOf(page).matchAll(/npm run bench -- .*?(--[a-z]+)|`(--[a-z]+)( [A-Z]+)?`/g)]
    const used = options.map(([, inCommand, inText]) => inCommand ?? inText!)
    expect(used).toContain('--compare')
    const others = ['--version', '--help']
    expect(used.filter(option => !others.includes(option) && !USAGE.includes(option))).toEqual([])
  })

  it('names an option or a scenario that it cannot use', () => {
    expect(() => benchOptions(['--rounds', '0'])).toThrow(
      "--rounds must be a whole number from 1 to 100, got '0'",
    )
    expect(benchOptions(['cycle', '--quick'])).toMatchObject({
      scenarios: ['cycle'],
      settings: { mode: 'quick', rounds: 3, seconds: 1 },
    })
    expect(benchOptions(['--help'])).toBeUndefined()
    expect(() => scenariosNamed(['cycles'])).toThrow("there is no scenario 'cycles'; there are cycle,")
  })
})
