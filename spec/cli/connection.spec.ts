import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidLockError } from '../../lib/index.js'
import { Command } from 'commander'
import { afterAll, describe, expect, it } from '@jest/globals'
import { connectionOf, prefixesOf } from '../../lib/cli/io/connection.js'
import {
  type ConnectionOptions,
  withConnection,
  withSharedOptions,
} from '../../lib/cli/usage/shared-options.js'

const dir = mkdtempSync(join(tmpdir(), 'spicelock-spec-'))
afterAll(() => rmSync(dir, { recursive: true }))

function fileWith(name: string, text: string): string {
  const file = join(dir, name)
  writeFileSync(file, text)
  return file
}
const A = fileWith('a.yaml', 'host: a\nport: 1\nprotocol: https\nread_timeout: 7')
const B = fileWith('b.yaml', 'endpoints: [http://b:2]')

const configOf = (options: ConnectionOptions, env: Record<string, string> = {}) =>
  connectionOf(options, env).config

describe('where etcd is', () => {
  it('is left to the library when nothing is given', () => {
    expect(configOf({})).toEqual({})
    expect(configOf({}, { SPICELOCK_ENDPOINTS: '', SPICELOCK_CONFIG: '' })).toEqual({})
  })

  it('is said by --endpoints before all, with the rest of the file', () => {
    const env = { SPICELOCK_ENDPOINTS: 'http://d:4', SPICELOCK_CONFIG: B }
    const options = { endpoints: 'https://c:3, https://d', config: A }
    expect(configOf(options, env)).toEqual({
      endpoints: ['https://c:3', 'https://d:2379'],
      read_timeout: 7,
    })
  })

  it('is said by --config before the environment', () => {
    const env = { SPICELOCK_ENDPOINTS: 'http://d:4', SPICELOCK_CONFIG: B }
    expect(configOf({ config: A }, env)).toMatchObject({ host: 'a', port: 1 })
  })

  it('is said by SPICELOCK_ENDPOINTS before SPICELOCK_CONFIG', () => {
    const env = { SPICELOCK_ENDPOINTS: 'http://d:4', SPICELOCK_CONFIG: A }
    expect(configOf({}, env)).toEqual({ endpoints: ['http://d:4'], read_timeout: 7 })
  })

  it('is said by SPICELOCK_CONFIG when nothing else is given', () => {
    expect(configOf({}, { SPICELOCK_CONFIG: B })).toEqual({ endpoints: ['http://b:2'] })
  })

  it.each([
    [{ endpoints: 'nonsense' }, {}, '--endpoints: "nonsense" must be a URL'],
    [{}, { SPICELOCK_ENDPOINTS: 'ftp://a' }, 'SPICELOCK_ENDPOINTS: "ftp://a" must be a URL'],
    [{ config: '/nowhere/etcd.yaml' }, {}, '/nowhere/etcd.yaml: there is no such file'],
    [{}, { SPICELOCK_LOG: 'loud' }, "SPICELOCK_LOG: unknown level 'loud', expected one of: trace, debug"],
  ])('given wrongly (%j, %j) is named in the error', (options, env: Record<string, string>, message) => {
    expect(() => configOf(options, env)).toThrow(message)
  })
})

describe('prefixes', () => {
  const connection = connectionOf({ allowPrefix: ['mine', 'custom'] }, {})

  it('are the default ones and those that are allowed besides, each once', () => {
    expect(prefixesOf(connection)).toEqual(['cookbooks', 'custom', 'modules', 'mine'])
    expect(prefixesOf(connection, 'mine')).toEqual(['mine'])
  })

  it('that are not allowed are wrong usage', () => {
    expect(() => prefixesOf(connection, 'other')).toThrow(InvalidLockError)
    expect(() => connectionOf({ allowPrefix: ['etcd'] }, {})).toThrow('is reserved')
  })
})

describe('options before the command', () => {
  /** What the command sees. */
  async function optionsOf(line: string): Promise<object> {
    const program = withSharedOptions(new Command()).enablePositionalOptions()
    let seen: object = {}
    withConnection(program.command('ls'))
      .option('--prefix <prefix>', 'of the lock', 'custom')
      .action((options: object) => void (seen = options))
    await program.parseAsync(line.split(' '), { from: 'user' })
    return seen
  }

  it.each([
    ['ls', { prefix: 'custom' }],
    [
      '--endpoints http://a --verbose --config f ls',
      { endpoints: 'http://a', verbose: true, config: 'f', prefix: 'custom' },
    ],
    ['--prefix modules ls', { prefix: 'modules' }],
    ['--prefix modules ls --prefix custom', { prefix: 'custom' }],
    ['--endpoints http://a ls --endpoints http://b', { endpoints: 'http://b', prefix: 'custom' }],
    ['--allow-prefix a ls --allow-prefix b', { allowPrefix: ['a', 'b'], prefix: 'custom' }],
  ])('%s: those behind it count for more, or add up', async (line, expected) => {
    expect(await optionsOf(line)).toEqual(expected)
  })

  it('are refused when the command has none like it', async () => {
    await expect(optionsOf('--json ls')).rejects.toThrow('ls has no option --json')
  })
})
