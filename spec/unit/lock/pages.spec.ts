import { beforeEach, describe, expect, it } from '@jest/globals'
import { withPrefix } from '../../../lib/kv/key-value.js'
import { type Transaction, unconditionally } from '../../../lib/kv/transaction.js'
import { PAGE, readPages } from '../../../lib/lock/observe/pages.js'
import { MAX_TXN_OPS } from '../../../lib/protocol/lock-set.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { StoreError } from '../../../lib/store/store-error.js'

const ranges = [withPrefix('/many/'), withPrefix('/few/'), { key: '/one' }, withPrefix('/none/')]
const nameOf = (at: number): string => String(at).padStart(5, '0')
const names = (count: number): string[] => Array.from({ length: count }, (_, at) => nameOf(at))
let store: MemoryStore
let reads: Transaction[]
/** Of the last that was put at the beginning. */
let revision: bigint
/** Happens before the read with that index. */
let before: (read: number, transaction: Transaction) => Promise<void>
const engine = {
  commit: async (transaction: Transaction) => {
    await before(reads.length, transaction)
    reads.push(transaction)
    return store.commit(transaction)
  },
}
/** Resolves to the revision of the last. */
async function put(...keys: string[]): Promise<bigint> {
  const { revision } = await store.commit(
    unconditionally(...keys.slice(0, MAX_TXN_OPS).map(key => ({ type: 'put' as const, key, value: 'v' }))),
  )
  return keys.length > MAX_TXN_OPS ? put(...keys.slice(MAX_TXN_OPS)) : revision
}
const limits = (): number[] => reads.map(({ success }) => success.length)
const shown = async (): Promise<[string[], bigint]> => {
  const { results, revision } = await readPages(engine, ranges)
  return [results.map(found => `${found.length} ${found.at(-1)?.key}`), revision]
}

beforeEach(async () => {
  store = new MemoryStore()
  reads = []
  before = () => Promise.resolve()
  await put(...names(2 * PAGE + 1).map(name => `/many/${name}`))
  revision = await put('/few/a', '/few/b', '/one')
})

describe('keys that are read in pages', () => {
  it('are all that there are, each range for as long as there is more of it', async () => {
    expect(await shown()).toEqual([
      [`${2 * PAGE + 1} /many/${nameOf(2 * PAGE)}`, '2 /few/b', '1 /one', '0 undefined'],
      revision,
    ])
    expect(limits()).toEqual([4, 1, 1])
    const { results } = await readPages(engine, [ranges[0]!])
    expect(new Set(results[0]!.map(({ key }) => key)).size).toBe(2 * PAGE + 1)
  })

  it('need one read more when the last page is full', async () => {
    const first = PAGE / ranges.length
    await store.commit(
      unconditionally({ type: 'delete', key: `/many/${nameOf(first + PAGE)}`, end: '/many/99999' }),
    )
    expect((await shown())[0][0]).toBe(`${first + PAGE} /many/${nameOf(first + PAGE - 1)}`)
    expect(limits()).toEqual([4, 1, 1])
  })

  it('are read side by side, and no answer has more of them than a page', async () => {
    await put(...names(PAGE + 1).map(name => `/few/${name}`))
    let underWay = 0
    let most = 0
    const lengths: number[] = []
    const counting = {
      commit: async (transaction: Transaction) => {
        most = Math.max(most, ++underWay)
        const answer = await store.commit(transaction)
        underWay--
        lengths.push(answer.results.reduce((sum, keys) => sum + keys.length, 0))
        return answer
      },
    }
    const { results } = await readPages(counting, ranges)
    expect(results.map(keys => keys.length)).toEqual([2 * PAGE + 1, PAGE + 3, 1, 0])
    expect(new Set(results.flat().map(({ key }) => key)).size).toBe(3 * PAGE + 5)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(PAGE)
    expect(most).toBe(2)
  })

  it('are those of one revision, whatever is written meanwhile', async () => {
    before = async read => {
      if (read === 0) return
      await put('/many/00000', '/many/01600', '/many/zz', `/few/${read}`)
      await store.commit(unconditionally({ type: 'delete', key: '/many/01999' }))
    }
    expect(await shown()).toEqual([
      [`${2 * PAGE + 1} /many/${nameOf(2 * PAGE)}`, '2 /few/b', '1 /one', '0 undefined'],
      revision,
    ])
  })

  it('are read anew when a compaction has made the store forget their revision', async () => {
    before = async read => {
      if (read !== 1) return
      for (let change = 0; change < 20_001; change++) await put('/few/b')
    }
    expect(await shown()).toEqual([
      [`${2 * PAGE + 1} /many/${nameOf(2 * PAGE)}`, '2 /few/b', '1 /one', '0 undefined'],
      revision + 20_001n,
    ])
    expect(limits()).toEqual([4, 1, 4, 1, 1])
  })

  const refuseLater = (message: string): void => {
    before = (_, { success }) => {
      const isLater = success.some(op => op.type === 'range' && op.revision !== undefined)
      return isLater ? Promise.reject(new StoreError('refused', message)) : Promise.resolve()
    }
  }

  it('are given up when that happens again and again', async () => {
    refuseLater('mvcc: required revision has been compacted')
    await expect(shown()).rejects.toMatchObject({ reason: 'unreachable' })
  })

  it('are not read anew when the first page is refused, or a later one for another reason', async () => {
    refuseLater('permission denied')
    await expect(shown()).rejects.toMatchObject({ reason: 'refused', message: 'permission denied' })
    expect(limits()).toEqual([4])
    before = () => Promise.reject(new StoreError('refused', 'permission denied'))
    await expect(shown()).rejects.toMatchObject({ reason: 'refused' })
  })
})
