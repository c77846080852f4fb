/**
 * Runs a TypeScript file of this repository, with the arguments that follow it:
 *
 *     node bench/run.js examples/demo/main.ts --seconds 5
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'

/** Parts that no run needs any more are this old, milliseconds. */
const OLD_MS = 86_400_000

const [file, ...args] = process.argv.slice(2)
// Below node_modules, so that packages are found from there.
const folder = resolve(
  import.meta.dirname,
  '../node_modules/.cache/spicelock',
  file.replaceAll(/[^\w.-]/g, '-'),
)
const { outputFiles } = buildSync({
  entryPoints: [{ in: file, out: 'main' }],
  bundle: true,
  // What is imported when it is needed is loaded then, as from the published package.
  splitting: true,
  chunkNames: '[name]-[hash]',
  outdir: folder,
  outExtension: { '.js': '.mjs' },
  format: 'esm',
  packages: 'external',
  platform: 'node',
  target: 'node20',
  write: false,
})
mkdirSync(folder, { recursive: true })
for (const { path, contents } of outputFiles) {
  // In one step, since another run of the same file may be reading it.
  writeFileSync(`${path}.${process.pid}`, contents)
  renameSync(`${path}.${process.pid}`, path)
}
for (const part of readdirSync(folder).map(name => join(folder, name))) {
  if (Date.now() - statSync(part).mtimeMs > OLD_MS) rmSync(part, { force: true })
}

const main = join(folder, 'main.mjs')
process.argv = [process.execPath, main, ...args]
await import(pathToFileURL(main).href)
