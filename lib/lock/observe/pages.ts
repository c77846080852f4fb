import type { KeyRange, KeyValue } from '../../kv/key-value.js'
import { type TransactionResult, unconditionally } from '../../kv/transaction.js'
import { isStoreError, StoreError } from '../../store/store-error.js'
import type { CallOptions } from '../../store/store.js'
import type { Engine } from '../engine/engine.js'

/** Keys of one range that are read in one call. To decode three times as many takes a few milliseconds, in which all else waits. */
export const PAGE = 500
/** How often a read is begun anew because etcd was compacted. */
const MOST_ATTEMPTS = 5
/** What etcd says of a revision that it has compacted; or that it does not know, since it was restored from a backup. */
const FORGOTTEN = /required revision (has been compacted|is a future revision)/

/** All keys of ranges, at one revision. */
export type Pages = Pick<TransactionResult, 'revision' | 'results'>

/**
 * Reads all keys of these ranges at one revision, however many they are, in pages: other work gets its turn in between. When a
 * compaction makes etcd forget the revision meanwhile, all is read anew.
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
  const results = ranges.map((): KeyValue[] => [])
  let revision: bigint | undefined
  let left = ranges.map((range, at) => ({ range, at }))
  do {
    const reads = left.map(({ range }) => ({ ...range, type: 'range' as const, limit: PAGE, revision }))
    let answer: TransactionResult
    try {
      answer = await engine.commit(unconditionally(...reads), within)
    } catch (error) {
      if (isStoreError(error, 'refused') && FORGOTTEN.test(error.message)) return undefined
      throw error
    }
    revision ??= answer.revision
    left = left.flatMap(({ range, at }, index) => {
      const page = answer.results[index]!
      results[at]!.push(...page)
      return page.length < PAGE ? [] : [{ range: { ...range, key: after(page.at(-1)!) }, at }]
    })
  } while (left.length > 0)
  return { revision, results }
}

/** The first key that may follow. */
function after({ key }: KeyValue): string {
  return `${key}\0`
}
