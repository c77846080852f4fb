import { readFile } from 'node:fs/promises'
import { expect, it } from '@jest/globals'
import { attemptMutants } from './mutants/attempt-mutants.js'
import { batchMutants } from './mutants/batch-mutants.js'
import { clientMutants } from './mutants/client-mutants.js'
import { coordinatorMutants } from './mutants/coordinator-mutants.js'
import { protocolMutants } from './mutants/protocol-mutants.js'

const all = [...protocolMutants, ...clientMutants, ...batchMutants, ...coordinatorMutants, ...attemptMutants]

it('all mistakes are in the docs', async () => {
  const table = await readFile('docs/mutants.md', 'utf8')
  const documented = [...table.matchAll(/^\| (.*?) +\|/gm)].map(([, mistake]) => mistake).slice(2)
  expect(documented).toEqual(all.map(({ mistake }) => mistake))
})

it.each(all)('the mistake "$mistake" can be made', async mutant => {
  const source = await readFile(mutant.file, 'utf8')
  expect(source.split(mutant.right)).toHaveLength(2)
  expect(mutant.wrong).not.toBe(mutant.right)
})
