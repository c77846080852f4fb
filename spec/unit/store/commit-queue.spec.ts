import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type Call, CommitQueue, type Queued } from '../../../lib/store/etcd/batch/commit-queue.js'

interface Commit extends Queued {
  readonly name: string
  isOver: boolean
}

let queue: CommitQueue<Commit>
let made = 0

beforeEach(() => {
  queue = new CommitQueue()
})

function commit(name: string, scope = [name], size: Partial<Queued> = {}): Commit {
  const one = { name, scope, bytes: 1_000, breadth: 5, weight: 1, isOver: false, ...size }
  queue.add(one)
  return one
}

const many = (count: number, size: Partial<Queued> = {}): Commit[] =>
  Array.from({ length: count }, () => commit(`n${++made}`, undefined, size))
const names = (call: Call<Commit> | undefined): string[] | undefined => call?.map(({ name }) => name)
const leaving = (): string[] | undefined => names(queue.next())

function end(commit: Commit, of = queue): void {
  commit.isOver = true
  of.remove(commit)
}

/** The call is answered, and so are all commits in it. */
function answer(call: Call<Commit>): void {
  for (const each of call) end(each)
  queue.stopAwaiting(call)
}

describe('A call', () => {
  it('leaves at once with one commit, when none is under way', () => {
    commit('a')
    expect(leaving()).toEqual(['a'])
  })

  it('takes along all that came meanwhile, when the one before it has ended', () => {
    commit('a')
    const first = queue.next()!
    commit('b')
    commit('c')
    expect(leaving()).toBeUndefined()
    answer(first)
    expect(leaving()).toEqual(['b', 'c'])
  })

  it('leaves beside another when that is late, and then one more when both are', () => {
    commit('a')
    const first = queue.next()!
    commit('b')
    expect(leaving()).toBeUndefined()
    queue.stopAwaiting(first)
    const second = queue.next()!
    expect(names(second)).toEqual(['b'])
    commit('c')
    expect(leaving()).toBeUndefined()
    queue.stopAwaiting(second)
    expect(leaving()).toEqual(['c'])
  })

  it('leaves beside one other, and no more, when many wait', () => {
    commit('a')
    queue.next()
    many(63)
    expect(leaving()).toBeUndefined()
    many(1)
    expect(leaving()).toHaveLength(64)
    many(64)
    expect(leaving()).toBeUndefined()
  })

  it('holds a name once, and the next that has it goes when that is answered', () => {
    const [first] = [commit('first', ['a']), commit('second', ['a']), commit('other', ['b'])]
    const call = queue.next()!
    expect(names(call)).toEqual(['first', 'other'])
    end(first)
    queue.stopAwaiting(call)
    expect(leaving()).toEqual(['second'])
  })

  it('is not overtaken by a later commit that shares a name with one that waits', () => {
    commit('a', ['a'])
    const call = queue.next()!
    commit('set', ['a', 'b'])
    commit('b', ['b'])
    answer(call)
    const second = queue.next()!
    expect(names(second)).toEqual(['set'])
    answer(second)
    expect(leaving()).toEqual(['b'])
  })

  it('leaves without one that was given up, and those behind that may go', () => {
    commit('a')
    const call = queue.next()!
    const given = commit('given up', ['b'])
    const hopeless = commit('given up as well', ['b'])
    commit('behind', ['b'])
    end(hopeless)
    end(given)
    answer(call)
    expect(leaving()).toEqual(['behind'])
  })
})

describe('A call is small enough for etcd', () => {
  it.each([
    ['operations, those of its broadest commit counted', 200, { breadth: 2 }, 126],
    ['operations that are asked for', 200, { weight: 6, breadth: 5 }, 20],
    ['bytes', 10, { bytes: 300_000 }, 3],
    ['room for a commit that fills it', 3, { breadth: 128 }, 1],
    ['room for a commit that is too large for any', 3, { bytes: 5_000_000 }, 1],
  ])('by its %s', (_, count, size, fit) => {
    many(count, size)
    expect(leaving()).toHaveLength(fit)
  })

  it('also when etcd was started with other limits, as it has said', () => {
    many(200, { breadth: 2 })
    const refused = queue.next()!
    queue.shrink(refused)
    answer(refused)
    expect(leaving()!.length).toBeLessThanOrEqual(62)
  })

  it.each([
    ['bytes', { bytes: 500, breadth: 2 }, 4],
    ['operations', { bytes: 1_500, breadth: 1 }, 2],
  ] as const)('and as large as before in all but its %s, when only those were too much', (of, size, fit) => {
    many(4, { bytes: 1_000, breadth: 2 })
    const refused = queue.next()!
    queue.shrink(refused, of)
    answer(refused)
    many(10, size)
    expect(leaving()).toHaveLength(fit)
  })
})

it('Whatever comes, each commit is sent once, in the order of its names, and no name twice at a time', () => {
  const scope = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 3 })
  const step = fc.oneof(
    scope.map(names => ({ type: 'commit' as const, names })),
    fc.nat(9).map(at => ({ type: 'give up' as const, at })),
    fc.nat(9).map(at => ({ type: 'answer' as const, at })),
    fc.nat(9).map(at => ({ type: 'late' as const, at })),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const random = new CommitQueue<Commit>()
      const waiting: Commit[] = []
      const calls: Call<Commit>[] = []
      const pump = (): void => {
        for (let call = random.next(); call; call = random.next()) {
          const held = [...calls.flat(), ...call].flatMap(each => each.scope)
          expect(held).toHaveLength(new Set(held).size)
          for (const each of call) {
            const before = waiting.slice(0, waiting.indexOf(each))
            const shared = before.filter(other => other.scope.some(name => each.scope.includes(name)))
            expect(shared).toEqual([])
          }
          for (const each of call) waiting.splice(waiting.indexOf(each), 1)
          calls.push(call)
        }
      }
      const answer = (call: Call<Commit>): void => {
        calls.splice(calls.indexOf(call), 1)
        for (const each of call) end(each, random)
        random.stopAwaiting(call)
        pump()
      }
      for (const [at, each] of steps.entries()) {
        if (each.type === 'commit') {
          const made = { name: String(at), scope: each.names, bytes: 1, breadth: 1, weight: 1, isOver: false }
          waiting.push(made)
          random.add(made)
        }
        if (each.type === 'give up' && waiting[each.at]) end(waiting.splice(each.at, 1)[0]!, random)
        if (each.type === 'answer' && calls[each.at]) answer(calls[each.at]!)
        if (each.type === 'late' && calls[each.at]) random.stopAwaiting(calls[each.at]!)
        pump()
      }
      while (calls.length > 0) answer(calls[0]!)
      expect(waiting).toEqual([])
    }),
  )
})
