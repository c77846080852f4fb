import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LockError } from '../../model/errors.js'
import { run } from './run.js'
import type { Progress, Source } from './source.js'

// The directories belong to this user alone, so apt must not change to a user of its own to download.
const COMMON = ['-q', '-o', 'APT::Sandbox::User=root']

/**
 * The package `etcd-server` of the distribution, verified by apt, unpacked and not installed. Needs apt-get and dpkg,
 * but not root. Package lists that are missing or stale are fetched anew, into `directory` and not for the system.
 */
export const debianPackages: Source = {
  name: 'the Debian packages',

  async fetch(directory: string, progress: Progress): Promise<string> {
    try {
      await download(directory, [])
    } catch {
      progress('fetching the package lists…')
      const lists = await ownLists(directory)
      await run('apt-get', [...COMMON, ...lists, 'update'])
      await download(directory, lists)
    }
    const archive = (await readdir(directory)).find(name => name.endsWith('.deb'))
    if (archive === undefined) throw new LockError('apt-get downloaded no package etcd-server')
    await run('dpkg', ['-x', join(directory, archive), directory])
    return join(directory, 'usr/bin/etcd')
  },
}

function download(directory: string, lists: readonly string[]): Promise<string> {
  return run('apt-get', [...COMMON, ...lists, 'download', 'etcd-server'], { cwd: directory })
}

/** The options that keep apt's lists and cache below `directory`. */
async function ownLists(directory: string): Promise<string[]> {
  const lists = join(directory, 'lists')
  const cache = join(directory, 'cache')
  await mkdir(join(lists, 'partial'), { recursive: true })
  await mkdir(join(cache, 'archives/partial'), { recursive: true })
  return ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${cache}`]
}
