import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mutant } from './mutant.js'

/** Long enough for every spec that is named by a mutant. */
const TIMEOUT_MS = 240_000
const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
]

/** The test that notices the mistake; undefined when none does. Leaves the copy as it was. */
export async function tryMutant(copy: string, mutant: Mutant): Promise<string | undefined> {
  const file = join(copy, mutant.file)
  const source = await readFile(file, 'utf8')
  if (source.split(mutant.right).length !== 2) {
    throw new Error(`${mutant.file} does not hold exactly once what the mistake "${mutant.mistake}" changes`)
  }
  await writeFile(
    file,
    source.replace(mutant.right, () => mutant.wrong),
  )
  try {
    return await failingTest(copy, mutant.specs)
  } finally {
    await writeFile(file, source)
  }
}

function failingTest(cwd: string, specs: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const args = [...JEST, ...specs, '--bail', '--forceExit', '--silent']
    const options = { cwd, timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 }
    execFile(process.execPath, args, options, (error, _, stderr) => {
      if (!error) return resolve(undefined)
      if (/● Test suite failed to run/.test(stderr)) return reject(new Error(`A spec cannot run:\n${stderr}`))
      resolve(error.killed ? 'a run that does not end' : (/● (.*)/.exec(stderr)?.[1] ?? 'a spec that fails'))
    })
  })
}
