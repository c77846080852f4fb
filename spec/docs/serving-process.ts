import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { root } from './doc-blocks.js'

/** Does what the command does, again and again. */
const SERVE = `
  import(${JSON.stringify(pathToFileURL(join(root, 'dist/cli/program.js')))}).then(({ runProgram }) => {
    process.on('message', async ({ args, env }) => {
      process.env = Object.fromEntries(env.map(each => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]))
      process.send(await runProgram(args))
    })
  })`

/** What a shell has made of a command line. */
export interface CommandLine {
  readonly args: readonly string[]
  /** `NAME=value`, each. */
  readonly env: readonly string[]
}

/** A process that is one server after another. */
export class ServingProcess {
  private readonly child: ChildProcess
  private log = ''

  constructor(options: SpawnOptions) {
    this.child = spawn(process.execPath, ['-e', SERVE], {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.log += text))
  }

  /** From its start to its end by SIGTERM, after `use`. */
  async serve(line: CommandLine, use: (url: string, log: () => string) => Promise<void>): Promise<void> {
    this.log = ''
    const ended = Promise.race([once(this.child, 'message'), once(this.child, 'exit')])
    this.child.send(line)
    try {
      await eventually(() => expect(this.log).toMatch(/serving on \S+ /))
      await use(/serving on (\S+)/.exec(this.log)![1]!, () => this.log)
    } finally {
      this.child.kill('SIGTERM')
      const [exitCode] = (await ended) as [unknown]
      expect([this.log, exitCode]).toEqual([this.log, 0])
    }
  }

  /** It must end by itself. */
  async close(): Promise<void> {
    const ended = once(this.child, 'exit')
    this.child.disconnect()
    expect(await ended).toEqual([0, null])
  }
}
