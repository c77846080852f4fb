import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { apiKeysOf, weakKeysOf } from '../../lib/cli/commands/api-keys.js'

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

it.each([
  ['ada: one-and-the-same-key\nbob: one-and-the-same-key', "'ada' and 'bob' have the same key"],
  ['ada: the key of the environment', "'relukko' and 'ada' have the same key"],
])('refuses a key that two have: %j', (content, problem) => {
  if (!content.includes('bob')) process.env['RELUKKO_API_KEY'] = 'the key of the environment'
  writeFileSync(file, content)
  expect(() => apiKeysOf(file)).toThrow(problem)
  expect(() => apiKeysOf(file)).not.toThrow(/one-and|environment/)
})

it.each([
  ['ada: a-secret-key\nrobots: 1234567890123456', "'robots' is not a text: put it in quotes"],
  ['ada: a-secret-key\nrobots:', "'robots' must be a text of ASCII"],
  ['ada: a-secret-key\nbob: b-secret-key\nada: c-secret-key', 'line 3 gives a name again'],
  ['{"ada": "a-secret-key",\n\n"ada": "b-secret-key"}', 'line 3 gives a name again'],
  ['ada: a-secret-key\nrobots: "b-secret-key', 'line 2 is not as YAML should be'],
  ['{"ada": "a-secret-key"\n"bob": "b-secret-key"}', 'line 2 is not as YAML should be'],
  ['ada: *secret', 'it is no YAML'],
  ['ada: a-secret-key\n---\nbob: b-secret-key', 'line 2 is not as YAML should be'],
  ['{}', 'names no keys'],
  ['# nobody yet\n', 'names no keys'],
  ['[]', 'must hold names, each with a key'],
])('says what is wrong in the file %j, and no key', (content, problem) => {
  writeFileSync(file, content)
  expect(() => apiKeysOf(file)).toThrow(problem)
  expect(() => apiKeysOf(file)).toThrow(file)
  expect(() => apiKeysOf(file)).not.toThrow(/secret|12345/)
})

it('needs no key in the file where the environment has one', () => {
  process.env['RELUKKO_API_KEY'] = 'the key of the environment'
  writeFileSync(file, '{}')
  expect(apiKeysOf(file)).toEqual({ relukko: 'the key of the environment' })
})

it('knows whose key is so short that it may be guessed', () => {
  expect(weakKeysOf({ ada: 'fifteen-letters', bob: 'sixteen-letters!' })).toEqual(['ada'])
})
