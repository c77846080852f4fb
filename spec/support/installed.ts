import { spawnSync } from 'node:child_process'

/** Whether this machine has a program, one that knows `--version`. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0
}
