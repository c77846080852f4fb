import { execFile } from 'node:child_process'
import { root } from './bundle.js'

export interface ScriptRun {
  readonly exit: unknown
  readonly stdout: string
  readonly stderr: string
}

/** Runs a TypeScript program of this repository as the scripts of npm do, to its end. */
export function runScript(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<ScriptRun> {
  const command = ['bench/run.js', file, ...args]
  return new Promise(done => {
    execFile(
      process.execPath,
      command,
      { cwd: root, env: { ...process.env, ...env } },
      (error, stdout, stderr) => done({ exit: error?.code ?? 0, stdout, stderr }),
    )
  })
}
