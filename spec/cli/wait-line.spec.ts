import { beforeEach, describe, expect, it } from '@jest/globals'
import { localTime } from '../../lib/cli/io/format.js'
import { WaitLine } from '../../lib/cli/run/wait-line.js'
import { Timestamp } from '../../lib/model/timestamp.js'

const since = Timestamp.parse('2026-01-02T03:04:05Z')
const statusOf = (place: number, ...owners: string[]) => ({
  prefix: 'custom',
  name: 'deploy',
  key: '/spicerack/locks/custom/deploy',
  place,
  waiters: [],
  holders: owners.map(owner => ({
    id: owner,
    owner,
    since,
    remaining: 1,
    renewed: false,
    concurrency: 1,
    ttl: 60,
    fencingToken: 1n,
  })),
})
const textOf = (place: number, owner: string) =>
  `spicelock: waiting for "custom/deploy" at place ${place}, held by ${owner} since ${localTime(since)}`

let written: string[]
const lineOn = (columns: number | undefined) =>
  new WaitLine({ columns, write: text => void written.push(text) })
beforeEach(() => {
  written = []
})

describe('a wait that is not shown on a terminal', () => {
  it('is a line for each change of holders or place, and never the same line twice', () => {
    const line = lineOn(undefined)
    line.show(statusOf(2, 'alice'))
    line.show(statusOf(2, 'alice'))
    line.show(statusOf(1, 'alice'))
    line.show(statusOf(1, 'bob'))
    line.clear()
    expect(written).toEqual([`${textOf(2, 'alice')}\n`, `${textOf(1, 'alice')}\n`, `${textOf(1, 'bob')}\n`])
  })

  it('says when nobody holds', () => {
    lineOn(undefined).show(statusOf(2))
    expect(written).toEqual(['spicelock: waiting for "custom/deploy" at place 2, held by nobody\n'])
  })

  it('shows nothing of an owner that could steer a terminal', () => {
    lineOn(undefined).show(statusOf(1, 'a\u001b[2J\nb'))
    expect(written.join('')).toContain('held by a\ufffd[2J\ufffdb since')
  })
})

describe('a wait that is shown on a terminal', () => {
  const clear = '\r\u001b[K'

  it('is one line that is rewritten as time goes by, and cleared at the end', () => {
    const line = lineOn(80)
    line.show(statusOf(2, 'alice'), since.plusSeconds(200))
    line.show(statusOf(1, 'alice'), since.plusSeconds(202))
    line.clear()
    line.clear()
    expect(written).toEqual([
      `${clear}spicelock: waiting for "custom/deploy" at place 2, held by alice for 3m 20s`,
      `${clear}spicelock: waiting for "custom/deploy" at place 1, held by alice for 3m 22s`,
      clear,
    ])
  })

  it('is no wider than the terminal', () => {
    lineOn(30).show(statusOf(2, 'alice'))
    expect(written).toEqual([`${clear}spicelock: waiting for "custo`])
  })

  it('is not cleared when it was never shown', () => {
    lineOn(80).clear()
    expect(written).toEqual([])
  })
})
