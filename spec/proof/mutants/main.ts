import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { attemptMutants } from './attempt-mutants.js'
import { batchMutants } from './batch-mutants.js'
import { clientMutants } from './client-mutants.js'
import { coordinatorMutants } from './coordinator-mutants.js'
import { protocolMutants } from './protocol-mutants.js'
import { tryMutant } from './try-mutant.js'

/**
 * Makes known mistakes of lock implementations, one at a time, in a copy of this repository, and says which test
 * notices. Ends with 1 when one survives. Arguments: words of the mistakes to make; all when there are none.
 */
const words = process.argv.slice(2)
const mutants = [
  ...protocolMutants,
  ...clientMutants,
  ...batchMutants,
  ...coordinatorMutants,
  ...attemptMutants,
].filter(({ mistake }) => words.every(word => mistake.includes(word)))
/** What the specs need that are named by mutants: one that cannot run would seem to notice every mistake. */
const PARTS = ['lib', 'spec', 'bench', 'docs', 'examples', 'package.json', 'jest.config.ts', 'tsconfig.json']
const copy = await mkdtemp(join(tmpdir(), 'spicelock-mutants-'))
const table = new Table({ head: ['mistake', 'noticed by'], style: { head: [], border: [] } })
let survivors = 0
try {
  for (const part of PARTS) {
    await cp(part, join(copy, part), { recursive: true })
  }
  await symlink(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'))
  for (const [index, mutant] of mutants.entries()) {
    process.stderr.write(`${index + 1}/${mutants.length} ${mutant.mistake}\n`)
    const noticedBy = await tryMutant(copy, mutant)
    if (noticedBy === undefined) survivors++
    table.push([mutant.mistake, noticedBy ?? 'NOBODY'])
  }
} finally {
  await rm(copy, { recursive: true })
}
process.stdout.write(`${table.toString()}\n${mutants.length} mistakes, ${survivors} not noticed\n`)
process.exitCode = survivors === 0 ? 0 : 1
