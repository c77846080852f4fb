import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { apiKeysOf } from '../../lib/cli/api-keys.js'

let directory: string
let file: string
const before = process.env['RELUKKO_API_KEY']

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spicelock-keys-'))
  file = join(directory, 'keys.yaml')
  delete process.env['RELUKKO_API_KEY']
})
afterEach(() => {
  rmSync(directory, { recursive: true })
  if (before === undefined) delete process.env['RELUKKO_API_KEY']
  else process.env['RELUKKO_API_KEY'] = before
})

it('does not print the line that YAML warns of, which may be a key', async () => {
  const warnings: Error[] = []
  const note = (warning: Error): void => void warnings.push(warning)
  process.on('warning', note)
  writeFileSync(file, 'robots: !unknown a-long-and-secret-key\n')
  expect(apiKeysOf(file)).toEqual({ robots: 'a-long-and-secret-key' })
  await new Promise(resolve => setImmediate(resolve))
  process.off('warning', note)
  expect(warnings).toEqual([])
})

it('does not let a file replace the key of the environment', () => {
  process.env['RELUKKO_API_KEY'] = 'the key of the environment'
  writeFileSync(file, 'relukko: another-key\n')
  expect(() => apiKeysOf(file)).toThrow(/'relukko' is the name of the key in RELUKKO_API_KEY/)
  writeFileSync(file, 'robots: another-key\n')
  expect(apiKeysOf(file)).toEqual({ relukko: 'the key of the environment', robots: 'another-key' })
})
