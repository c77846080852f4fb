import { rm } from 'node:fs/promises'
import { join, parse, resolve } from 'node:path'
import { afterAll } from '@jest/globals'
import { build } from 'esbuild'

export const root = resolve(import.meta.dirname, '../..')
/** Below node_modules, so that packages are found from there; of this process alone. */
export const bundles = join(root, 'node_modules/.cache/spicelock', `spec-${process.pid}`)
afterAll(() => rm(bundles, { recursive: true, force: true }))

const built = new Map<string, Promise<string>>()

/** A TypeScript file, given by its path from the root, as one that Node runs; built once for a test file. */
export function bundle(file: string, name = file.replace(/\.ts$/, '.mjs')): Promise<string> {
  const outfile = join(bundles, name)
  const { dir, name: base, ext } = parse(name)
  const options = {
    bundle: true,
    // What is imported when it is needed is loaded then, as from the published package.
    splitting: true,
    outdir: bundles,
    outExtension: { '.js': ext },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
  } as const
  const building =
    built.get(outfile) ??
    build({ entryPoints: [{ in: join(root, file), out: join(dir, base) }], ...options }).then(() => outfile)
  built.set(outfile, building)
  return building
}
