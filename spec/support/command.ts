import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll } from '@jest/globals'
import { bundle } from './bundle.js'

let built: Promise<string> | undefined
/** Those that run. A test that fails leaves its own behind, which would keep jest from ending. */
const running = new Set<ChildProcess>()
afterAll(() => running.forEach(child => child.kill('SIGKILL')))

/** The command; built once for a test file. */
export function main(): Promise<string> {
  built ??= bundle('lib/cli/main.ts', 'dist/cli/main.js')
  return built
}

/** One run of the command `spicelock`, as a process. Its environment names no etcd unless told so. */
export class CommandProcess {
  stdout = ''
  stderr = ''
  private readonly end: Promise<unknown[]>

  private constructor(readonly child: ChildProcess) {
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.end = once(child, 'close')
    running.add(child)
    child.once('exit', () => running.delete(child))
  }

  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<CommandProcess> {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('SPICELOCK_'))
    const child = spawn(process.execPath, [await main(), ...args], {
      env: { ...Object.fromEntries(clean), HOME: '/nowhere', ...env },
    })
    return new CommandProcess(child)
  }

  /** Ends its stdin, and resolves to its exit code, or to the signal that has killed it. */
  async ended(): Promise<number | string> {
    this.child.stdin!.end()
    const [code, signal] = (await this.end) as [number | null, string | null]
    return code ?? signal!
  }
}

export interface Ended {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command to its end, with nothing on its stdin. */
export async function runCommand(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Ended> {
  const command = await CommandProcess.start(args, env)
  const code = await command.ended()
  return { code, stdout: command.stdout, stderr: command.stderr }
}
