import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { KeyLocks } from '../../../lib/model/key-locks.js'
import { proceed } from './answers.js'
import { Administrator, type Force } from './administrator.js'
import type { AcquireRequest } from './client.js'
import { tellCoordinators } from './coordinating.js'
import { Etcd } from './etcd.js'
import { keyOf } from './lock-names.js'
import { type Rules, rules } from './rules.js'
import { NOW } from './time.js'
import { type Trouble, World } from './world.js'

/** Who takes part in a run, and what may befall them. */
export interface Configuration {
  readonly requests: readonly AcquireRequest[]
  readonly trouble?: Partial<Trouble>
  /** The concurrency of an entry that somebody has written by hand, without a holder key. */
  readonly byHand?: number
  /** What the administrator may do. */
  readonly force?: Force
  /** How many tickets are read or told at once; all when not given. */
  readonly lists?: number
}

/** The state in which all begin. */
export function begin({ requests, trouble, byHand, force, lists }: Configuration, by: Rules = rules): World {
  const none = { losses: 0, ends: 0, stops: 0, crashes: 0, moves: 0, lates: 0 }
  const administrator = force && Administrator.for(force)
  const world = new World(by, requests, { ...none, ...trouble }, administrator, etcdWith(byHand))
  if (lists !== undefined) world.lists = lists
  for (const client of world.clients) proceed(world, client)
  tellCoordinators(world)
  return world
}

/** As in `1, 2 x2, 0 ttl 90; losses 1`; of a request for several locks, as in `1 of y+x`. */
export function nameOf({ requests, trouble = {}, byHand, force, lists }: Configuration): string {
  const asked = requests.map(({ concurrency, ttl, locks = ['x'], waits = true, times = 1, process }) =>
    [
      concurrency,
      locks.join() === 'x' ? '' : ` of ${locks.join('+')}`,
      ttl === 30 ? '' : ` ttl ${ttl}`,
      waits ? '' : ' at once',
      times === 1 ? '' : ` x${times}`,
      process ? ` in ${process}` : '',
    ].join(''),
  )
  const extras = [
    ...(byHand === undefined ? [] : [`by hand ${byHand}`]),
    ...(force ? [`force ${'abcd'[force.client]}${force.lock ? ` of ${force.lock}` : ''}`] : []),
    ...(lists === undefined ? [] : [`lists ${lists}`]),
    ...Object.entries(trouble).map(([kind, count]) => `${kind} ${count}`),
  ]
  return [asked.join(', '), ...extras].join('; ')
}

function etcdWith(byHand: number | undefined): Etcd {
  if (byHand === undefined) return new Etcd()
  const dict = { concurrency: byHand, created: String(NOW), owner: 'nobody', ttl: 30 }
  const key = keyOf('x')
  const value = new KeyLocks(key.path, [ConcurrentLock.fromDict('hand', dict)]).toJson()
  const kv = { key: key.path, value, createRevision: 2n, modRevision: 2n, lease: undefined }
  return new Etcd([kv], 2n)
}
