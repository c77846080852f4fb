import type { Command } from 'commander'
import { checkId, checkReason } from '../../lock/api/index.js'
import { LockService } from '../../lock/api/lock-service.js'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import type { Timestamp } from '../../model/timestamp.js'
import { lockKey } from '../../protocol/lock-name.js'
import { keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import { parseTerms, timeOf } from '../../protocol/terms.js'
import { connectionOf, type ConnectionOptions, prefixesOf, withConnection } from '../io/connection.js'
import { defaultOwner, isOwnOwner } from '../io/default-owner.js'
import { CliError, EXIT } from '../io/exit-codes.js'
import { localTime } from '../io/format.js'
import { locksNamed, print, printable, printJson, quoted, say } from '../io/output.js'

interface ReleaseOptions extends ConnectionOptions {
  readonly prefix: string
  readonly force?: true
  readonly reason?: string
  readonly owner?: string
  readonly json?: true
}

export function addRelease(program: Command): void {
  withConnection(program.command('release'))
    .description('release a lock that this user holds on this host; with --force, whoever holds it')
    .argument('<name>', 'of the lock')
    .argument('<id>', 'of the holding, as show tells it')
    .option('--prefix <prefix>', 'of the lock', COOKBOOKS_CUSTOM_PREFIX)
    .option(
      '--force',
      'from any holder, or from one who waits; who did it, and why, is told to those concerned and those who watch',
    )
    .option('--reason <text>', 'why, with --force')
    .option('--owner <text>', 'who does it, with --force (default: user@host [pid])')
    .option('--json', 'as one JSON document')
    .action(release)
}

async function release(name: string, id: string, options: ReleaseOptions): Promise<void> {
  const { prefix, json, force, reason } = options
  if (force && reason === undefined) {
    throw new CliError(
      '--force needs --reason TEXT, which says why to the holder, the log and those who watch',
      EXIT.usage,
    )
  }
  if (!force && (reason ?? options.owner) !== undefined) {
    throw new CliError('--reason and --owner are for --force', EXIT.usage)
  }
  if (force) return releaseByForce(name, id, options)
  const connection = connectionOf(options)
  prefixesOf(connection, prefix)
  const key = lockKey(prefix, name)
  checkId(id)
  const named = locksNamed(prefix, [name])
  const locks = await LockService.open(connection)
  try {
    const found = find(await locks.read(key.path, reader => reader.snapshot(key)), id)
    if (found && !found.isOwn) {
      process.exitCode = EXIT.refused
      say(refusal(named, found, `release ${quoted(name)} ${id} --prefix ${prefix}`))
      if (json)
        printJson({ prefix, name, id, released: false, owner: found.owner, since: found.since?.toISO() })
      return
    }
    const [lock] = found ? await locks.release([key], id) : []
    if (!lock) process.exitCode = EXIT.notHeld
    const released = lock !== undefined
    if (json) printJson({ prefix, name, id, released, owner: lock?.owner, since: lock?.created.toISO() })
    else if (lock)
      print(printable(`Released ${named}, held by ${lock.owner} since ${localTime(lock.created)}.`))
    else
      say(
        `nobody holds ${named} under the id ${id} (any more); see: spicelock show ${quoted(name)} --prefix ${prefix}`,
      )
  } finally {
    await locks.close()
  }
}

/** One who holds or waits. */
interface Found {
  readonly owner: string
  readonly since: Timestamp | undefined
  readonly isWaiting: boolean
  /** Whether this user may release it without force. */
  readonly isOwn: boolean
}

/** @throws LockUnreadableError */
function find(snapshot: Snapshot, id: string): Found | undefined {
  const entry = keyLocksOf(snapshot).locks.get(id)
  if (entry) {
    const { owner, created: since } = entry
    return { owner, since, isWaiting: false, isOwn: isOwnOwner(owner) }
  }
  const key = snapshot.holders.get(id) ?? snapshot.tickets.get(id)
  if (!key) return undefined
  const { owner = 'somebody', created } = parseTerms(key.value) ?? {}
  const isWaiting = !snapshot.holders.has(id)
  return { owner, since: timeOf(created), isWaiting, isOwn: !isWaiting && isOwnOwner(owner) }
}

function refusal(lock: string, { owner, since, isWaiting }: Found, command: string): string {
  const from = since ? ` since ${localTime(since)}` : ''
  const force = `spicelock ${command} --force --reason TEXT`
  if (isWaiting) return `${owner} waits for ${lock}${from}; to send ${owner} away: ${force}`
  const others = 'which is not this user on this host; to take it all the same'
  return `${lock} is held by ${owner}${from}, ${others}: ${force}`
}

async function releaseByForce(name: string, id: string, options: ReleaseOptions): Promise<void> {
  const { prefix, json, reason, owner: by = defaultOwner() } = options
  checkReason(reason)
  const connection = connectionOf(options)
  prefixesOf(connection, prefix)
  const key = lockKey(prefix, name)
  checkId(id)
  const named = locksNamed(prefix, [name])
  const locks = await LockService.open(connection)
  try {
    const released = await locks.forceRelease(key, id, { by, reason })
    if (released) connection.logger.info({ key: key.path, id, owner: by, reason }, 'Released lock by force')
    else process.exitCode = EXIT.notHeld
    if (json) printJson({ prefix, name, id, released, by, reason })
    else if (released) print(printable(`Released ${named} by force.`))
    else say(`nobody holds or waits for ${named} under the id ${id} (any more)`)
  } finally {
    await locks.close()
  }
}
