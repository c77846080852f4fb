import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { root } from '../support/bundle.js'
import { main, runCommand } from '../support/command.js'
import { runHere } from '../support/program.js'

const runLock = ['run', 'some', '--endpoints', 'http://127.0.0.1:1']
const atLeastOne = 'is invalid. It must be a whole number from 1 on.'

describe('wrong usage', () => {
  it.each([
    [['shw', 'name'], "unknown command 'shw'"],
    [['shw', '--help'], "unknown command 'shw'\n(Did you mean show?)"],
    [['--prefix', 'custom', '-h', 'shw'], "unknown command 'shw'"],
    [['help', 'shw'], "unknown command 'shw'\n(Did you mean show?)"],
    [['ls', '--jsn'], "unknown option '--jsn'"],
    [['ls', 'extra'], 'too many arguments'],
    [['show'], "missing required argument 'name'"],
    [['show', 'a/b'], "The lock name cannot contain '/'"],
    [['ls', '--prefix', 'other'], 'Invalid prefix "other", must be one of: cookbooks, custom, modules'],
    [['ls', '--endpoints', 'nonsense'], '--endpoints: "nonsense" must be a URL'],
    [['ls', '--config', '/nowhere/etcd.yaml'], 'there is no such file'],
    [[...runLock, '--ttl', '0', '--', 'true'], `option '--ttl <seconds>' argument '0' ${atLeastOne}`],
    [[...runLock, '--ttl', '1.5', '--', 'true'], `option '--ttl <seconds>' argument '1.5' ${atLeastOne}`],
    [[...runLock, '--concurrency', '-1', '--', 'true'], 'It must be a whole number from 0 on.'],
    [
      [...runLock, '--wait', 'long', '--', 'true'],
      "'long' is invalid. It must be a number of seconds from 0 on.",
    ],
    [[...runLock, '--owner', '', '--', 'true'], 'The owner of locks must be a non-empty string, got "".'],
    [[...runLock, '--prefix', 'other', '--', 'true'], 'Invalid prefix "other"'],
    [[...runLock, '--'], 'the command to run must follow --'],
    [['run', '--', 'true'], 'the NAME of the lock is missing before --: spicelock run NAME -- COMMAND'],
    [['run', '--ttl', '9', '--', 'a', '--', 'b'], 'the NAME of the lock is missing before --'],
    [[...runLock, 'true'], 'the command to run must follow --'],
    [[...runLock, '--', ''], 'the command to run must follow --'],
  ])('%j ends with 64 and says what is wrong', async (args, message) => {
    const { code, stdout, stderr } = await runHere(args)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^spicelock: /)
    expect([code, stdout]).toEqual([64, ''])
  })

  it('ends the process with 64 too', async () => {
    const { code, stdout, stderr } = await runCommand(['shw', 'name'])
    expect([code, stdout]).toEqual([64, ''])
    expect(stderr).toContain("unknown command 'shw'")
  })

  it('that the library refuses ends with 64, too', async () => {
    const { code, stdout, stderr } = await runCommand([...runLock, '--ttl', '9000000001', '--', 'true'])
    expect(stderr).toMatch(/^spicelock: .*'ttl' must be a positive integer of seconds, at most/)
    expect([code, stdout]).toEqual([64, ''])
  })

  it('is told of an option that the command does not have, before it', async () => {
    const { code, stderr } = await runHere(['--json', ...runLock, '--', 'true'])
    expect([code, stderr]).toEqual([64, 'spicelock: run has no option --json\n'])
  })

  it('is reported in JSON too when the command line asks for that', async () => {
    const { stdout } = await runHere(['show', '--json'])
    const error = { code: 'USAGE', message: "missing required argument 'name'", key: null }
    expect(JSON.parse(stdout)).toEqual({ error })
  })
})

describe('stdout', () => {
  /** Resolves to the exit code and to what is on stderr. */
  async function withStdout(args: readonly string[], stdout: 'pipe' | number): Promise<[number, string]> {
    const child = spawn(process.execPath, [await main(), ...args], { stdio: ['ignore', stdout, 'pipe'] })
    child.stdout?.destroy()
    let said = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text))
    const [code] = (await once(child, 'close')) as [number]
    return [code, said]
  }

  it.each([['--help'], ['ls --json --wrong']])('that is full ends %s with 74 and a word', async line => {
    const full = openSync('/dev/full', 'w')
    const [code, said] = await withStdout(line.split(' '), full)
    closeSync(full)
    expect(code).toBe(74)
    expect(said).toMatch(/^(spicelock: )?.*\n?.*spicelock: stdout cannot be written: ENOSPC.*\n$/)
  })

  it('that nobody reads is no reason to fail', async () => {
    expect(await withStdout(['--help'], 'pipe')).toEqual([0, ''])
  })
})

describe('help', () => {
  it('is shown on stderr when no command is given, which ends with 64', async () => {
    const { code, stdout, stderr } = await runHere([])
    expect(stderr).toMatch(/^Usage: spicelock/)
    expect([code, stdout]).toEqual([64, ''])
  })

  it('tells the exit codes', async () => {
    const { code, stdout } = await runHere(['--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/ 75 +others hold the lock/)
  })

  it('--version tells the version of the package', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    expect(await runCommand(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})
