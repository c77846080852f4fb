import { describe, expect, it } from '@jest/globals'
import type { WaitOptions } from '../../lib/lock/acquire/acquire.js'
import type { Holding } from '../../lib/lock/engine/holdings.js'
import { type Fault, lineFaults } from '../support/faulty-store.js'
import { World } from '../support/world.js'

type Options = Pick<WaitOptions, 'signal'>

/** Something that we do with the lock, after which we hold nothing. */
interface Scenario {
  prepare?(world: World): Promise<void>
  run(world: World, options: Options): Promise<void>
}

const hold =
  (concurrency: number, use: (world: World, holding: Holding) => Promise<void> = async () => {}) =>
  async (world: World, options: Options): Promise<void> => {
    const holding = await world.acquire(concurrency, options)
    await expectToHold(world, holding)
    await use(world, holding)
    await world.release(holding)
  }

const scenarios: [string, Scenario][] = [
  ['a free lock', { run: hold(1) }],
  [
    'a free lock, held to the end on leases that were used before',
    {
      prepare: world => world.haveUsedLeases(),
      run: hold(1, async (world, holding) => {
        world.time.turn(World.TTL * 1000 - 5_000)
        await expectToHold(world, holding)
      }),
    },
  ],
  [
    'a lock that another releases when we have come',
    {
      prepare: world => world.rivalHolds(1),
      async run(world, options) {
        let releasing: Promise<void> | undefined
        const onWait = (): void => void (releasing ??= world.rivalReleases())
        await hold(1)(world, { ...options, onWait } as Options)
        await releasing
      },
    },
  ],
  ['a lock that we hand over', { run: hold(1, world => world.rivalQueues(1)) }],
  ['a place beside another', { prepare: world => world.rivalHolds(2), run: hold(2) }],
  [
    'a place beside another, of whom we know',
    {
      async prepare(world) {
        await world.rivalHolds(2)
        await world.us.read(world.keys)
      },
      run: hold(2),
    },
  ],
  [
    'a place beside another, of whom we know, on leases that were used before',
    {
      async prepare(world) {
        await world.haveUsedLeases()
        await world.rivalHolds(2)
        await world.us.read(world.keys)
      },
      run: hold(2),
    },
  ],
  [
    'a holding that we extend',
    {
      prepare: world => world.rivalHolds(2),
      run: hold(2, async (world, holding) => {
        const { lost } = world.line
        await world.extend(holding, 2 * World.TTL).catch((error: unknown) => {
          if (!lost.has(holding.lease.id)) throw error
        })
        world.time.turn(World.TTL * 1000 + 5_000)
        if (lost.size === 0) await expectUnavailable(world.rivalTries(1))
      }),
    },
  ],
  [
    'one try at a lock that another holds',
    {
      prepare: world => world.rivalHolds(1),
      async run(world, options) {
        const before = await world.stored()
        await expectUnavailable(world.acquire(1, { ...options, waitMs: 0 }))
        expect(await world.stored()).toEqual(before)
      },
    },
  ],
  [
    'a wait that ends before the lock is free',
    {
      prepare: world => world.rivalHolds(1),
      run: (world, options) => expectUnavailable(world.acquire(1, { ...options, waitMs: 25 })),
    },
  ],
]

/** What a caller that was told that it holds may rely on, unless it lost its lease. */
async function expectToHold(world: World, { uuid, token, lease }: Holding): Promise<void> {
  const isLost = (): boolean => world.line.lost.has(lease.id)
  if (isLost()) return
  const stored = await world.stored()
  const holders = world.keys.map(key => stored.find(kv => kv.key === key.holder(uuid))?.createRevision)
  expect(holders).toEqual(world.keys.map(() => token))
  expect(stored).toContainEqual(expect.objectContaining({ key: world.key.holder(uuid), lease: lease.id }))
  await expectUnavailable(world.rivalHolds(1)).catch((error: unknown) => {
    // Lost meanwhile, by a call in the background.
    if (!isLost()) throw error
  })
}

async function expectUnavailable(acquiring: Promise<unknown>): Promise<void> {
  const error = (await acquiring.then(
    () => new Error('it was granted'),
    (thrown: unknown) => thrown,
  )) as Error & { code?: string }
  if (error.code !== 'LOCK_UNAVAILABLE') throw error
}

type Interruption = (world: World, controller: AbortController) => void

const abort: Interruption = (_, controller) => controller.abort(new Error('enough'))

/** Once for each call of a scenario: lets `fate` befall it, and then looks at what is left. */
async function atEveryCall(
  { scenario, locks }: { readonly scenario: Scenario; readonly locks: number },
  fate: Fault,
  interrupt?: Interruption,
): Promise<void> {
  for (let number = 1, calls = 1; number <= calls; number++) {
    const world = new World(locks)
    await scenario.prepare?.(world)
    const controller = new AbortController()
    world.line.befall(number, (work, line) => {
      interrupt?.(world, controller)
      return fate(work, line)
    })
    const before = world.line.calls
    try {
      await inTime(scenario.run(world, { signal: controller.signal })).catch((error: Error) => {
        if (!interrupt || !/^enough$|was closed/.test(error.message)) throw error
      })
      calls = world.line.calls - before
      await world.rivalReleases()
      await world.us.close()
      await world.line.arrive()
      expect((await world.stored()).map(kv => `${kv.key} ${kv.value}`)).toEqual([])
    } catch (error) {
      throw new Error(`at call ${number}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Longer than the pause before a retry; shorter than that before a re-read, so that a lost event shows. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it takes too long')), 1_800)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

describe.each([
  ['one lock', 1],
  ['two locks at once', 2],
])('%s', (_size, locks) => {
  describe.each(scenarios)('%s', (_, scenario) => {
    const of = { scenario, locks }

    it.concurrent.each(lineFaults)('bears a call that is %s', (_fault, fault) => atEveryCall(of, fault))

    it.concurrent('bears the loss of its leases before any call', () =>
      atEveryCall(of, async (work, line) => {
        await line.loseLeases()
        return work()
      }),
    )

    it.concurrent('bears the loss of its leases after any call', () =>
      atEveryCall(of, async (work, line) => {
        const answer = await work()
        await line.loseLeases()
        return answer
      }),
    )

    it.concurrent('leaves nothing behind when it is aborted at any call', () =>
      atEveryCall(of, work => work(), abort),
    )

    it.concurrent('leaves nothing behind when the engine is closed at any call', () =>
      atEveryCall(
        of,
        work => work(),
        world => void world.us.close(),
      ),
    )

    it.concurrent.each(lineFaults)(
      'leaves nothing behind when it is aborted at a call that is %s',
      (_fault, fault) => atEveryCall(of, fault, abort),
    )
  })
})
