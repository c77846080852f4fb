import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { bundle } from './bundle.js'

/**
 * Runs a TypeScript file, given by its path from the root of the package, in a Node process of its own. Its stdin and
 * stdout are pipes and its stderr is ours, unless `options` say otherwise.
 */
export async function spawnTs(
  file: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  return spawn(process.execPath, [await bundle(file), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  })
}
