import { access, constants } from 'node:fs/promises'
import { resolve } from 'node:path'
import { LockError } from '../../model/errors.js'
import { BinaryCache } from './binary-cache.js'
import { debianPackages } from './debian-packages.js'
import { checkedBinary, type EtcdBinary } from './etcd-binary.js'
import { officialRelease } from './official-release.js'
import type { Progress, Source } from './source.js'

export interface FindOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Asked one after the other. */
  readonly sources?: readonly Source[]
}

/**
 * The etcd to run: the one that `SPICELOCK_ETCD_BIN` names, else the first that works of: on the `PATH`, in the cache,
 * fetched from the Debian packages, fetched from the official release. Throws LockError when `SPICELOCK_ETCD_BIN` is
 * wrong, and when there is no etcd anywhere.
 */
export async function findEtcd(progress: Progress, options: FindOptions = {}): Promise<EtcdBinary> {
  const { env = process.env, sources = [debianPackages, officialRelease()] } = options
  if (env['SPICELOCK_ETCD_BIN']) return namedBinary(env['SPICELOCK_ETCD_BIN'])

  const failures: string[] = []
  const attempt = async (place: string, get: () => Promise<EtcdBinary>) => {
    try {
      return await get()
    } catch (error) {
      failures.push(`${place}: ${(error as Error).message}`)
      return undefined
    }
  }

  const onPath = (env['PATH'] ?? '').split(':').filter(Boolean)
  for (const path of onPath.map(directory => resolve(directory, 'etcd'))) {
    const found = (await isExecutable(path)) && (await attempt(path, () => checkedBinary(path)))
    if (found) return found
  }
  const cache = await BinaryCache.open(env)
  const cached =
    (await isExecutable(cache.path)) && (await attempt(cache.path, () => checkedBinary(cache.path)))
  if (cached) return cached
  for (const source of sources) {
    const fetched = await attempt(source.name, () => cache.fill(source, progress))
    if (fetched) return fetched
  }
  throw new LockError(
    ['there is no etcd on the PATH or in the cache, and none could be fetched.', ...failures].join('\n  ') +
      '\nInstall etcd (https://etcd.io/docs/latest/install/), or set SPICELOCK_ETCD_BIN to the path of its binary',
  )
}

async function namedBinary(name: string): Promise<EtcdBinary> {
  try {
    return await checkedBinary(resolve(name))
  } catch (error) {
    throw new LockError(
      `SPICELOCK_ETCD_BIN is '${name}', expected the path of an etcd binary: ${(error as Error).message}. ` +
        'Correct the variable, or unset it to have etcd found or fetched',
      { cause: error },
    )
  }
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
