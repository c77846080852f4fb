import { execFile, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const root = resolve(import.meta.dirname, '../..')

/**
 * Runs a TypeScript file, given by its path from the root of the package, in a Node process of its own. Its stdin and
 * stdout are pipes and its stderr is ours, unless `options` say otherwise.
 */
export async function spawnTs(
  file: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  // Below node_modules, so that packages are found from there.
  const bundle = join(root, 'node_modules/.cache/spicelock', `${basename(file, '.ts')}-${randomUUID()}.mjs`)
  const flags = ['--bundle', '--platform=node', '--format=esm', '--packages=external', '--log-level=warning']
  const esbuild = join(root, 'node_modules/.bin/esbuild')
  await promisify(execFile)(esbuild, [resolve(root, file), ...flags, `--outfile=${bundle}`])

  const child = spawn(process.execPath, [bundle, ...args], { stdio: ['pipe', 'pipe', 'inherit'], ...options })
  child.once('exit', () => void rm(bundle, { force: true }))
  return child
}
