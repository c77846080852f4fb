import { runProgram } from '../../lib/cli/program.js'
import { redirect } from '../../lib/cli/io/output.js'
import type { Ended } from './command.js'

let last: Promise<unknown> = Promise.resolve()

/**
 * Runs the command in this process, where its modules are loaded once: for what it prints and how it ends, and not for
 * what concerns a process, such as signals. Its environment names no etcd unless told so. One run after another, since
 * environment and output are those of the process.
 */
export function runHere(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const run = last.then(() => runAlone(args, env))
  last = run.catch(() => {})
  return run
}

async function runAlone(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const before = process.env
  const ended = { stdout: '', stderr: '' }
  const restore = redirect({
    out: text => void (ended.stdout += text),
    err: text => void (ended.stderr += text),
  })
  const clean = Object.entries(before).filter(([name]) => !name.startsWith('SPICELOCK_'))
  process.env = { ...Object.fromEntries(clean), ...env }
  try {
    const code = await runProgram(args)
    return { code, ...ended }
  } finally {
    process.env = before
    restore()
  }
}
