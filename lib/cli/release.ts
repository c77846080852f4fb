import type { Command } from 'commander'
import { checkReason, forceRelease } from '../lock/force-release.js'
import { openEngine } from '../lock/open-engine.js'
import { release as releaseById } from '../lock/release.js'
import { COOKBOOKS_CUSTOM_PREFIX } from '../model/constants.js'
import { lockKey } from '../protocol/lock-name.js'
import { connectionOf, type ConnectionOptions, prefixesOf, withConnection } from './connection.js'
import { defaultOwner } from './default-owner.js'
import { CliError, EXIT } from './exit-codes.js'
import { localTime } from './format.js'
import { print, printable, printJson, say } from './output.js'

interface ReleaseOptions extends ConnectionOptions {
  readonly prefix: string
  readonly force?: true
  readonly reason?: string
  readonly owner?: string
  readonly json?: true
}

export function addRelease(program: Command): void {
  withConnection(program.command('release'))
    .description('release a lock, whoever holds it')
    .argument('<name>', 'of the lock')
    .argument('<id>', 'of the holding, as show tells it')
    .option('--prefix <prefix>', 'of the lock', COOKBOOKS_CUSTOM_PREFIX)
    .option(
      '--force',
      'also from one who waits; who did it, and why, is told to him or the holder, and to those who watch',
    )
    .option('--reason <text>', 'why, with --force')
    .option('--owner <text>', 'who does it, with --force (default: user@host [pid])')
    .option('--json', 'as one JSON document')
    .action(release)
}

async function release(name: string, id: string, options: ReleaseOptions): Promise<void> {
  const { prefix, json, force, reason } = options
  if (!force && (reason ?? options.owner) !== undefined) {
    throw new CliError('--reason and --owner are for --force', EXIT.usage)
  }
  if (force) return releaseByForce(name, id, options)
  const connection = connectionOf(options)
  prefixesOf(connection, prefix)
  const key = lockKey(prefix, name)
  const engine = await openEngine(connection)
  try {
    const [lock] = await releaseById(engine, [key], id)
    if (!lock) process.exitCode = EXIT.notHeld
    const released = lock !== undefined
    if (json) printJson({ prefix, name, id, released, owner: lock?.owner, since: lock?.created.toISO() })
    else if (lock)
      print(printable(`Released ${prefix}/${name}, held by ${lock.owner} since ${localTime(lock.created)}.`))
    else
      say(
        `nobody holds ${prefix}/${name} under the id ${id} (any more); see: spicelock show ${name} --prefix ${prefix}`,
      )
  } finally {
    await engine.close()
  }
}

async function releaseByForce(name: string, id: string, options: ReleaseOptions): Promise<void> {
  const { prefix, json, reason, owner: by = defaultOwner() } = options
  checkReason(reason)
  const connection = connectionOf(options)
  prefixesOf(connection, prefix)
  const key = lockKey(prefix, name)
  const engine = await openEngine(connection)
  try {
    const released = await forceRelease(engine, key, id, { by, reason })
    if (released) connection.logger.info({ key: key.path, id, owner: by, reason }, 'Released lock by force')
    else process.exitCode = EXIT.notHeld
    if (json) printJson({ prefix, name, id, released, by, reason })
    else if (released) print(printable(`Released ${prefix}/${name} by force.`))
    else say(`nobody holds or waits for ${prefix}/${name} under the id ${id} (any more)`)
  } finally {
    await engine.close()
  }
}
