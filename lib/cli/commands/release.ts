import { checkId, checkReason } from '../../lock/api/index.js'
import { LockService } from '../../lock/api/lock-service.js'
import { printable } from '../../model/describe-value.js'
import type { Timestamp } from '../../model/timestamp.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { lockKey } from '../../protocol/lock-name.js'
import { keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import { parseTerms, timeOf } from '../../protocol/terms.js'
import { type Connection, connectionOf, prefixesOf } from '../io/connection.js'
import { defaultOwner, isOwnOwner } from '../io/default-owner.js'
import { CliError, EXIT } from '../io/exit-codes.js'
import { localTime } from '../io/format.js'
import { locksNamed, print, printJson, quoted, say } from '../io/output.js'
import type { ReleaseOptions } from '../usage/release.js'

/** Resolves to the exit code. */
export async function release(name: string, id: string, options: ReleaseOptions): Promise<number> {
  const { force, reason, owner } = options
  if (force && reason === undefined) {
    throw new CliError(
      '--force needs --reason TEXT, which says why to the holder, the log and those who watch',
      EXIT.usage,
    )
  }
  if (!force && (reason ?? owner) !== undefined) {
    throw new CliError('--reason and --owner are for --force', EXIT.usage)
  }
  if (force) checkReason(reason)
  const connection = connectionOf(options)
  prefixesOf(connection, options.prefix)
  const key = lockKey(options.prefix, name)
  checkId(id)
  const locks = await LockService.open(connection)
  try {
    const request = { locks, key, name, id, options }
    return force ? await releaseByForce(request, connection) : await releaseOwn(request)
  } finally {
    await locks.close()
  }
}

interface Request {
  readonly locks: LockService
  readonly key: LockKey
  readonly name: string
  readonly id: string
  readonly options: ReleaseOptions
}

/** Releases the lock if this user holds it on this host. */
async function releaseOwn({ locks, key, name, id, options: { prefix, json } }: Request): Promise<number> {
  const named = locksNamed(prefix, [name])
  const found = find(await locks.read(key.path, reader => reader.snapshot(key)), id)
  const tell = (released: boolean, owner?: string, since?: Timestamp): void =>
    printJson({ prefix, name, id, released, owner, since: since?.toISO() })
  if (found && !found.isOwn) {
    say(printable(refusal(named, found, `release ${quoted(name)} ${id} --prefix ${prefix}`)))
    if (json) tell(false, found.owner, found.since)
    return EXIT.refused
  }
  const [lock] = found ? await locks.release([key], id) : []
  if (json) tell(lock !== undefined, lock?.owner, lock?.created)
  else if (lock)
    print(printable(`Released ${named}, held by ${lock.owner} since ${localTime(lock.created)}.`))
  else
    say(
      `nobody holds ${named} under the id ${id} (any more); see: spicelock show ${quoted(name)} --prefix ${prefix}`,
    )
  return lock ? EXIT.ok : EXIT.notHeld
}

/** The holder or waiter that an id stands for. */
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

async function releaseByForce(
  { locks, key, name, id, options }: Request,
  { logger }: Connection,
): Promise<number> {
  const { prefix, json, reason, owner: by = defaultOwner() } = options
  const named = locksNamed(prefix, [name])
  const released = await locks.forceRelease(key, id, { by, reason: reason! })
  if (released) logger.info({ key: key.path, id, owner: by, reason }, 'Released lock by force')
  if (json) printJson({ prefix, name, id, released, by, reason })
  else if (released) print(printable(`Released ${named} by force.`))
  else say(`nobody holds or waits for ${named} under the id ${id} (any more)`)
  return released ? EXIT.ok : EXIT.notHeld
}
