import type { KeyRange, KeyValue } from '../../kv/key-value.js'
import { type Range, type TransactionResult, unconditionally } from '../../kv/transaction.js'
import { isStoreError, StoreError } from '../../store/store-error.js'
import type { CallOptions } from '../../store/store.js'
import type { Engine } from '../engine/engine.js'

/**
 * Keys of one range that are read in one call. etcd counts all that follow for each call, so that pages of twice the size take it a sixth
 * less; to decode one takes milliseconds, in which all else waits, and those of several ranges come together.
 */
export const PAGE = 500
/** How often a read is begun anew because etcd was compacted. */
const MOST_ATTEMPTS = 5
/** What etcd says of a revision that it has compacted; or that it does not know, since it was restored from a backup. */
const FORGOTTEN = /required revision (has been compacted|is a future revision)/

/** All keys of ranges, at one revision. */
export type Pages = Pick<TransactionResult, 'revision' | 'results'>

/**
 * Reads all keys of these ranges at one revision, however many they are, in pages: other work gets its turn in between. etcd reads the next
 * pages of some ranges while those of others are decoded. When a compaction makes etcd forget the revision meanwhile, all is read
 * anew.
 * @throws StoreError
 */
export async function readPages(
  engine: Pick<Engine, 'commit'>,
  ranges: readonly KeyRange[],
  within?: CallOptions,
): Promise<Pages> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const pages = await readOnce(engine, ranges, within)
    if (pages) return pages
  }
  throw new StoreError('unreachable', 'etcd was compacted again and again while it was read')
}

/** Undefined when etcd has forgotten the revision of the first page. @throws StoreError */
async function readOnce(
  engine: Pick<Engine, 'commit'>,
  ranges: readonly KeyRange[],
  within?: CallOptions,
): Promise<Pages | undefined> {
  // So that the first answer is no longer than the others.
  const limit = Math.ceil(PAGE / ranges.length)
  try {
    const first = ranges.map(range => ({ ...range, type: 'range' as const, limit }))
    const { revision, results } = await engine.commit(unconditionally(...first), within)
    const rest = ranges.map(async (range, at) => {
      const keys = results[at]!
      if (keys.length < limit) return keys
      return [...keys, ...(await readRest(engine, { ...range, revision, key: after(keys.at(-1)!) }, within))]
    })
    return { revision, results: await Promise.all(rest) }
  } catch (error) {
    if (isStoreError(error, 'refused') && FORGOTTEN.test(error.message)) return undefined
    throw error
  }
}

/** The keys of a range, in pages of its own. @throws StoreError */
async function readRest(
  engine: Pick<Engine, 'commit'>,
  range: Omit<Range, 'type'>,
  within?: CallOptions,
): Promise<KeyValue[]> {
  const keys: KeyValue[] = []
  for (let { key } = range; ; key = after(keys.at(-1)!)) {
    const page = { ...range, type: 'range' as const, key, limit: PAGE }
    const [found] = (await engine.commit(unconditionally(page), within)).results
    keys.push(...found!)
    if (found!.length < PAGE) return keys
  }
}

/** The first key that may follow. */
function after({ key }: KeyValue): string {
  return `${key}\0`
}
