import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Lock } from '../../lib/index.js'
import { byIds, spicelock, spicelockBy } from './spicelock.js'
import { inSequence } from './in-sequence.js'

export const LIMIT = 8
/** How long a writer does something else between its turns. */
export const WRITER_PAUSE_MS = 100

/** A semaphore. */
export const spicelockSemaphore = spicelockBy('spicelock, semaphore', lock => byIds(lock, LIMIT))

/** What an earlier build does, in the folder of this variable of the environment. */
export const BEFORE = 'SPICELOCK_BENCH_BEFORE'
const build = (): Promise<{ Lock: typeof Lock }> =>
  import(pathToFileURL(resolve(process.env[BEFORE]!, 'dist/index.js')).href) as Promise<{ Lock: typeof Lock }>
export const spicelockBefore = spicelockBy('earlier spicelock', lock => byIds(lock, 1), { build })
export const semaphoreBefore = spicelockBy('earlier spicelock, semaphore', lock => byIds(lock, LIMIT), {
  build,
})

/** Every client is a reader. */
export const spicelockShared = spicelockBy('spicelock, shared', lock => byIds(lock, 0))

/** The first client does not read, and takes nothing. */
export const readersAlone = spicelockBy('spicelock, readers alone', (lock, number) =>
  number > 0
    ? byIds(lock, 0)
    : {
        acquire: () => Promise.resolve(() => Promise.resolve()),
        limit: Infinity,
        isApart: true,
        pauseMs: WRITER_PAUSE_MS,
      },
)

/** The first client writes. */
export const readersAndWriter = spicelockBy('spicelock, a writer among them', (lock, number) =>
  number > 0 ? byIds(lock, 0) : { ...byIds(lock, 1), isApart: true, pauseMs: WRITER_PAUSE_MS },
)

/** Several names in one transaction. */
export const spicelockSet = spicelockBy('spicelock, acquireAll', lock => ({
  async acquire(names) {
    const requests = names.map(name => ({ name, concurrency: 1, ttl: 60 }))
    const held = await lock.acquireAll(requests, { wait: Infinity })
    return async () => void (await held.release())
  },
}))

/** The same names, each in a transaction of its own. */
export const spicelockSequence = inSequence(spicelock)

const BYTES = [10, 100, 1000]

/** By the bytes of their owner's name, which stands in every entry of a lock. */
export const spicelockOwners = new Map(
  BYTES.map(bytes => [
    bytes,
    spicelockBy(`spicelock, owner of ${bytes} bytes`, lock => byIds(lock, 1), { owner: 'o'.repeat(bytes) }),
  ]),
)
