import { readFile } from 'node:fs/promises'
import { expect, it } from '@jest/globals'
import { clientMutants } from '../bench/mutants/client-mutants.js'
import { protocolMutants } from '../bench/mutants/protocol-mutants.js'

it.each([...protocolMutants, ...clientMutants])('the mistake "$mistake" can be made', async mutant => {
  const source = await readFile(mutant.file, 'utf8')
  expect(source.split(mutant.right)).toHaveLength(2)
  expect(mutant.wrong).not.toBe(mutant.right)
})
