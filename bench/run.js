/**
 * Runs a TypeScript file of this repository, with the arguments that follow it:
 *
 *     node bench/run.js examples/demo/main.ts --seconds 5
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'

const [file, ...args] = process.argv.slice(2)
// Below node_modules, so that packages are found from there.
const cache = resolve(import.meta.dirname, '../node_modules/.cache/spicelock')
const bundle = join(cache, file.replaceAll(/[^\w.-]/g, '-').replace(/\.ts$/, '.mjs'))
const { outputFiles } = buildSync({
  entryPoints: [file],
  bundle: true,
  format: 'esm',
  packages: 'external',
  platform: 'node',
  target: 'node20',
  write: false,
})
mkdirSync(cache, { recursive: true })
// In one step, since another run of the same file may be reading it.
writeFileSync(`${bundle}.${process.pid}`, outputFiles[0].contents)
renameSync(`${bundle}.${process.pid}`, bundle)

process.argv = [process.execPath, bundle, ...args]
await import(pathToFileURL(bundle).href)
