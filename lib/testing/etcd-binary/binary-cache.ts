import { lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { LockError } from '../../model/errors.js'
import { checkedBinary, type EtcdBinary } from './etcd-binary.js'
import type { Progress, Source } from './source.js'

/** Where fetched binaries stay, one for each kind of machine that shares the directory. */
export class BinaryCache {
  private constructor(private readonly directory: string) {}

  /**
   * The cache in `SPICELOCK_CACHE`, `$XDG_CACHE_HOME/spicelock` or `~/.cache/spicelock`; without a home in a private
   * directory below `temporary`. Throws LockError when the directory cannot be used.
   */
  static async open(env: NodeJS.ProcessEnv, temporary = tmpdir()): Promise<BinaryCache> {
    const configured = configuredDirectory(env)
    const directory = configured ?? join(temporary, `spicelock-${process.getuid?.() ?? 'user'}`)
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new LockError(
        `cannot make the cache directory '${directory}': ${(error as Error).message}. ` +
          'Set SPICELOCK_CACHE to a directory that can be written to',
        { cause: error },
      )
    }
    if (configured === undefined) await expectPrivate(directory)
    return new BinaryCache(directory)
  }

  /** The path of the cached binary, whether it exists or not. */
  get path(): string {
    return join(this.directory, `etcd-${process.platform}-${process.arch}`)
  }

  /** Fetches into a directory of its own and renames, so that processes doing the same at once cannot meet. */
  async fill(source: Source, progress: Progress): Promise<EtcdBinary> {
    const fetching = await mkdtemp(join(this.directory, 'fetching-'))
    try {
      progress(`fetching etcd from ${source.name}…`)
      const fetched = await checkedBinary(await source.fetch(fetching, progress))
      await rename(fetched.path, this.path)
      progress(`etcd ${fetched.version} is now in ${this.path}`)
      return { ...fetched, path: this.path }
    } finally {
      await rm(fetching, { recursive: true, force: true })
    }
  }
}

function configuredDirectory(env: NodeJS.ProcessEnv): string | undefined {
  const { SPICELOCK_CACHE: own, XDG_CACHE_HOME: xdg, HOME: home } = env
  if (own) return resolve(own)
  if (xdg && isAbsolute(xdg)) return join(xdg, 'spicelock')
  return home ? join(home, '.cache', 'spicelock') : undefined
}

/** Anybody can make a directory of that name among the temporary files, and what lies in it will be executed. */
async function expectPrivate(directory: string): Promise<void> {
  const { mode, uid } = await lstat(directory)
  if (uid === process.getuid?.() && (mode & 0o777) === 0o700) return
  throw new LockError(
    `the cache directory '${directory}' must belong to this user with mode 0700, but has owner ${uid} and mode ` +
      `0${(mode & 0o777).toString(8)}. Remove it, or set SPICELOCK_CACHE to another directory`,
  )
}
