import { execFile } from 'node:child_process'
import { root } from './bundle.js'

export interface BenchRun {
  readonly exit: unknown
  readonly stdout: string
  readonly stderr: string
}

/** Runs a script of `bench` as npm does, to its end. */
export function runBench(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<BenchRun> {
  const command = ['bench/run.js', `bench/${name}/main.ts`, ...args]
  return new Promise(done => {
    execFile(
      process.execPath,
      command,
      { cwd: root, env: { ...process.env, ...env } },
      (error, stdout, stderr) => done({ exit: error?.code ?? 0, stdout, stderr }),
    )
  })
}
