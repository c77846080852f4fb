import { readFile, rm } from 'node:fs/promises'
import { dirname, join, parse, resolve } from 'node:path'
import { afterAll } from '@jest/globals'
import { build, type BuildOptions, type Plugin } from 'esbuild'

export const root = resolve(import.meta.dirname, '../..')
/** Below node_modules, so that packages are found from there; of this process alone. */
export const bundles = join(root, 'node_modules/.cache/spicelock', `spec-${process.pid}`)
afterAll(() => rm(bundles, { recursive: true, force: true }))

/** Optional packages, which are loaded when they are needed, and which look for files and packages of their own. */
const EXTERNAL = ['fastify', '@fastify/*', 'prom-client', 'testcontainers', 'undici', 'ws']
/** What CommonJS modules expect to be there. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);`
/** Packages that read files beside themselves, such as the protocol of etcd, find them where they are installed. */
const besideThemselves: Plugin = {
  name: 'beside themselves',
  setup: building =>
    building.onLoad({ filter: /node_modules\/(etcd3|@grpc)\/.*\.js$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8')
      return { contents: code.replaceAll('__dirname', () => JSON.stringify(dirname(path))) }
    }),
}

const built = new Map<string, Promise<string>>()

/**
 * A TypeScript file, given by its path from the root, as one that Node runs; built once for a test file. It holds the
 * packages that it imports: a process that has hundreds of files to find and to load takes half as long again to start.
 */
export function bundle(file: string, name = file.replace(/\.ts$/, '.mjs')): Promise<string> {
  const outfile = join(bundles, name)
  const { dir, name: base, ext } = parse(name)
  const options: BuildOptions = {
    bundle: true,
    // What is imported when it is needed is loaded then, as from the published package.
    splitting: true,
    outdir: bundles,
    outExtension: { '.js': ext },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: EXTERNAL,
    banner: { js: REQUIRE },
    plugins: [besideThemselves],
  }
  const building =
    built.get(outfile) ??
    build({ entryPoints: [{ in: join(root, file), out: join(dir, base) }], ...options }).then(() => outfile)
  built.set(outfile, building)
  return building
}
