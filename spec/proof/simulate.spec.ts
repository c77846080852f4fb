import { describe, expect, it, jest } from '@jest/globals'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Mistake, mistakes } from './simulate/mistakes.js'
import { Search } from './simulate/search.js'

jest.setTimeout(100_000)

const root = resolve(import.meta.dirname, '../..')

describe('Simulated processes', () => {
  it('keep all promises, whatever befalls them', async () => {
    const command = ['bench/run.js', 'spec/proof/simulate/main.ts', '--runs', '800']
    // In a process of its own, since Jest's makes it slow.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, command, { cwd: root })
    expect(stdout + stderr).toMatch(/^800 runs, \d+ events, 0 violations/m)
  })

  it('do the same when they have the same seed, and something else when they have not', async () => {
    const [first, again] = [0, 1].map(() => new Search({ runs: 20, seed: 77 }))
    await first!.run(1)
    await again!.run(1)
    expect(again!.hashes).toEqual(first!.hashes)
    expect(new Set(first!.hashes).size).toBe(20)
  })

  it('do the same in whatever company', async () => {
    const alone = new Search({ runs: 1, seed: 106 })
    const together = new Search({ runs: 7, seed: 100 })
    await alone.run(1)
    await together.run(1)
    expect(together.hashes.at(-1)).toBe(alone.hashes[0])
  })
})

describe('The simulation finds that', () => {
  it.each(Object.entries(mistakes))('%s', async (_, mistake: Mistake) => {
    const search = new Search({ runs: 5_000, seed: mistake.seed ?? 1, mistake })
    await search.run(1)
    expect(search.findings).toHaveLength(1)
  })
})
