import { expect, it } from '@jest/globals'
import { runScript } from '../support/run-script.js'

/** Megabytes of the space for what is new, after much that is new has lived for a while; the most that it had, and what it has. */
async function spaceOfMuch(begin: string): Promise<readonly number[]> {
  const { stdout, stderr } = await runScript([
    '--input-type=module',
    '-e',
    `import { getHeapSpaceStatistics } from 'node:v8'
    import { setImmediate } from 'node:timers/promises'
    import { keepHeapSmall } from './dist/cli/commands/small-heap.js'
    const size = () => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size / 2 ** 20
    ${begin}
    let most = 0
    const living = []
    for (let turn = 0; turn < 2_000; turn++) {
      for (let at = 0; at < 500; at++) living[(turn * 500 + at) % 60_000] = { turn, at: [at, turn, at] }
      most = Math.max(most, size())
      await setImmediate()
    }
    console.log(JSON.stringify([most, size()]))`,
  ])
  expect(stderr).toBe('')
  return JSON.parse(stdout) as number[]
}

it('A server has half of the space for what is new that V8 would give it, and no less', async () => {
  expect(await spaceOfMuch('keepHeapSmall()')).toEqual([16, 16])
  const [most] = await spaceOfMuch('')
  expect(most).toBeGreaterThan(16)
})
