import { LockService } from '../../lock/api/lock-service.js'
import { printable } from '../../model/describe-value.js'
import { Timestamp } from '../../model/timestamp.js'
import type { LockEvent } from '../../protocol/lock-event.js'
import { lockKey } from '../../protocol/lock-name.js'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { connectionOf, prefixesOf } from '../io/connection.js'
import { CliError, EXIT } from '../io/exit-codes.js'
import { localTime } from '../io/format.js'
import { print } from '../io/output.js'
import { Interruption } from '../run/signals.js'
import type { WatchOptions } from '../usage/watch.js'

/** Resolves to the exit code. */
export async function watch(name: string | undefined, options: WatchOptions): Promise<number> {
  const connection = connectionOf(options)
  const prefix = options.prefix ?? (name === undefined ? undefined : COOKBOOKS_CUSTOM_PREFIX)
  const prefixes = prefixesOf(connection, prefix)
  if (name !== undefined) lockKey(prefixes[0]!, name)
  const interruption = new Interruption('to end the watch')
  connection.logger.debug(
    { prefix: prefixes.join(', '), ...(name !== undefined && { name }) },
    'Watching locks',
  )
  const locks = await LockService.open(connection)
  try {
    const events = (signal: AbortSignal) => locks.events(prefixes, name, signal)
    return await printEvents(events, interruption.signal, options.json ? jsonLine : textLine)
  } finally {
    await locks.close()
    interruption.close()
  }
}

/** Resolves to the exit code when the reader of stdout has gone, or when the process is interrupted. */
async function printEvents(
  events: (signal: AbortSignal) => AsyncIterable<LockEvent>,
  interrupted: AbortSignal,
  line: (event: LockEvent) => string,
): Promise<number> {
  // The reader, `head` perhaps, has seen enough.
  const unread = new AbortController()
  process.stdout.once('error', () => unread.abort())
  try {
    for await (const event of events(AbortSignal.any([interrupted, unread.signal]))) print(line(event))
  } catch (error) {
    // A signal is how a watch ends: nothing has gone wrong.
    if (interrupted.reason instanceof CliError) return interrupted.reason.exitCode
    if (!unread.signal.aborted) throw error
  }
  return EXIT.ok
}

/** With the time at which it was seen: an event that was missed and told later has happened before that. */
function textLine({ type, prefix, name, id, owner = 'unknown', revision, by, reason }: LockEvent): string {
  const force = by === undefined ? '' : ` by ${by}: ${reason}`
  const what = type === 'granted' ? `granted (token ${revision})` : type
  return printable(`${localTime(Timestamp.now())}  ${prefix}/${name}  ${what}  ${owner}${force}  ${id}`)
}

function jsonLine({ revision, owner, ...event }: LockEvent): string {
  const seen = Timestamp.now().toISO()
  return JSON.stringify({ seen, ...event, owner: owner ?? null, revision: String(revision) })
}
