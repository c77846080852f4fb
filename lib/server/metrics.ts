import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { LockService } from '../lock/api/lock-service.js'
import { onAnswered } from './http/answered.js'
import { visitInTurns } from './http/json-list.js'
import type { Broadcast } from './v1/broadcast.js'

/** Milliseconds. */
const REREAD_MS = 1_000
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]

/** What Prometheus reads at `/metrics`: numbers only, without a key. */
export function addMetrics(
  server: FastifyInstance,
  locks: LockService,
  prefix: string,
  broadcast: Broadcast,
): void {
  const registry = new Registry()
  addTimes(server, locks, [registry])
  addBroadcasts(broadcast, [registry])
  const setLocks = lockGauges([registry])
  let counting: Promise<Counts | undefined> | undefined
  /** All locks are read for it, which is work: not more often than is of use. */
  const counted = (): NonNullable<typeof counting> => {
    counting ??= countAll(locks, prefix)
      .catch(() => undefined)
      .finally(() => setTimeout(() => (counting = undefined), REREAD_MS).unref())
    return counting
  }
  server.get('/metrics', async (_request, reply) => {
    setLocks(await counted())
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

interface Counts {
  readonly held: number
  readonly waiters: number
}

async function countAll(locks: LockService, prefix: string): Promise<Counts> {
  let [held, waiters] = [0, 0]
  await visitInTurns(await locks.states(prefix, false), state => {
    held += state.holders.length
    waiters += state.waiters.length
  })
  return { held, waiters }
}

function addTimes(server: FastifyInstance, locks: LockService, registers: Registry[]): void {
  const requests = new Histogram({
    name: 'spicelock_http_request_seconds',
    help: 'Time from a request to its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: SECONDS,
    registers,
  })
  const latency = new Histogram({
    name: 'spicelock_etcd_commit_seconds',
    help: 'Time that etcd has taken for a transaction.',
    labelNames: ['outcome'] as const,
    buckets: SECONDS,
    registers,
  })
  locks.onCommit = (seconds, outcome) => latency.observe({ outcome }, seconds)
  onAnswered(server, ({ request, status, seconds }) => {
    const route = request.routeOptions.url ?? 'none'
    requests.observe({ method: request.method, route, status }, seconds)
  })
}

function addBroadcasts(broadcast: Broadcast, registers: Registry[]): void {
  new Gauge({
    name: 'spicelock_websockets',
    help: 'Open WebSockets.',
    registers,
    collect() {
      this.set(broadcast.size)
    },
  })
  new Counter({
    name: 'spicelock_broadcasts_total',
    help: 'Changes of locks that were told to WebSockets.',
    registers,
    collect() {
      this.reset()
      this.inc(broadcast.told)
    },
  })
}

/** Returns what sets the gauges to the counts of all locks; undefined says that etcd has not told them. */
function lockGauges(registers: Registry[]): (counts: Counts | undefined) => void {
  const held = new Gauge({ name: 'spicelock_locks_held', help: 'Locks held under the prefix.', registers })
  const waiters = new Gauge({ name: 'spicelock_waiters', help: 'Waiters under the prefix.', registers })
  const help = '1 when etcd has answered this time.'
  const reachable = new Gauge({ name: 'spicelock_etcd_up', help, registers })
  return counts => {
    reachable.set(counts ? 1 : 0)
    held.set(counts?.held ?? NaN)
    waiters.set(counts?.waiters ?? NaN)
  }
}
