import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

interface Packed {
  readonly filename: string
  readonly size: number
}

/** What a user gets: the package, packed as for a registry and installed without what is only for its development. */
export class Installation implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly packedBytes: number,
    /** Of everything below node_modules. */
    readonly installedBytes: number,
    readonly installMs: number,
  ) {}

  /** @throws Error when the packages are neither in the cache of npm nor to be had from its registry. */
  static async make(): Promise<Installation> {
    const parent = resolve('bench/data')
    await mkdir(parent, { recursive: true })
    const folder = await mkdtemp(join(parent, 'start-'))
    try {
      await execute('npm', ['run', 'build'])
      const { stdout } = await execute('npm', [
        'pack',
        '--json',
        '--pack-destination',
        folder,
        '--ignore-scripts',
      ])
      const [packed] = JSON.parse(stdout) as [Packed]
      await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
      const begun = performance.now()
      const flags = ['--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
      await execute('npm', ['install', ...flags, `./${packed.filename}`], { cwd: folder })
      const installMs = performance.now() - begun
      const bytes = await bytesBelow(join(folder, 'node_modules'))
      return new Installation(folder, packed.size, bytes, installMs)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Milliseconds that Node runs with these arguments, from its start to its end. */
  async timeOf(...args: readonly string[]): Promise<number> {
    const begun = performance.now()
    await execute(process.execPath, [...args], { cwd: this.folder })
    return performance.now() - begun
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  const sizes = await Promise.all(
    files.map(async file => (await stat(join(file.parentPath, file.name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
