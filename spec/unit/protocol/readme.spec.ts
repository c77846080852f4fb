import { readFile } from 'node:fs/promises'
import { expect, it } from '@jest/globals'
import { protocolMutants } from '../../proof/mutants/protocol-mutants.js'

it('the README of the protocol names mistakes that are made to prove its invariants', async () => {
  const [, invariants] = (await readFile('lib/protocol/README.md', 'utf8')).split('## Invariants')
  const named = [...invariants!.matchAll(/"([^"]+)"/g)].map(([, mistake]) => mistake)
  expect(named.length).toBeGreaterThan(10)
  expect(protocolMutants.map(({ mistake }) => mistake)).toEqual(expect.arrayContaining(named))
})
