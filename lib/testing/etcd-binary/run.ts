import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LockError } from '../../model/errors.js'

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Record<string, string>
  /** Milliseconds; default 5 minutes. */
  readonly timeout?: number
}

/** What the command printed on stdout. Throws LockError, with the end of its stderr, when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { timeout: 300_000, ...options })
    return stdout
  } catch (error) {
    throw new LockError(`${command} failed: ${reasonOf(error)}`, { cause: error })
  }
}

function reasonOf(error: unknown): string {
  const { message, killed, stderr } = error as Error & { killed?: boolean; stderr?: string }
  if (killed) return 'it took too long'
  return stderr?.trim().split('\n').at(-1) || message
}
