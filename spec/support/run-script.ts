import { execFile } from 'node:child_process'
import { root } from './bundle.js'

export interface ScriptRun {
  readonly exit: unknown
  readonly stdout: string
  readonly stderr: string
}

/** Runs Node from the root, to its end. */
export function runScript(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ScriptRun> {
  const options = { cwd: root, env: { ...process.env, ...env } }
  return new Promise(done => {
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      done({ exit: error?.code ?? 0, stdout, stderr }),
    )
  })
}
