import type { Command } from 'commander'
import { LockService } from '../../lock/api/lock-service.js'
import { Timestamp } from '../../model/timestamp.js'
import type { LockEvent } from '../../protocol/lock-event.js'
import { lockKey } from '../../protocol/lock-name.js'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { connectionOf, type ConnectionOptions, prefixesOf, withConnection } from '../io/connection.js'
import { CliError } from '../io/exit-codes.js'
import { localTime } from '../io/format.js'
import { print, printable } from '../io/output.js'
import { Interruption } from '../run/signals.js'

interface WatchOptions extends ConnectionOptions {
  readonly prefix?: string
  readonly json?: true
}

export function addWatch(program: Command): void {
  withConnection(program.command('watch'))
    .description('print what happens to locks, until a signal comes')
    .argument('[name]', 'of one lock (default: all locks)')
    .option(
      '--prefix <prefix>',
      `only the locks under this prefix (default with NAME: ${COOKBOOKS_CUSTOM_PREFIX})`,
    )
    .option('--json', 'a JSON document a line')
    .action(watch)
}

async function watch(name: string | undefined, options: WatchOptions): Promise<void> {
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
  // The reader, `head` perhaps, has seen enough.
  const unread = new AbortController()
  process.stdout.once('error', () => unread.abort())
  const signal = AbortSignal.any([interruption.signal, unread.signal])
  try {
    for await (const event of locks.events(prefixes, name, signal)) {
      print(options.json ? jsonLine(event) : textLine(event))
    }
  } catch (error) {
    // A signal is how a watch ends: nothing has gone wrong.
    const reason: unknown = interruption.signal.reason
    if (reason instanceof CliError) process.exitCode = reason.exitCode
    else if (!unread.signal.aborted) throw error
  } finally {
    await locks.close()
    interruption.close()
  }
}

/** When it was seen, which for what was missed is later than when it happened. */
function textLine({ type, prefix, name, id, owner = 'unknown', revision, by, reason }: LockEvent): string {
  const force = by === undefined ? '' : ` by ${by}: ${reason}`
  const what = type === 'granted' ? `granted (token ${revision})` : type
  return printable(`${localTime(Timestamp.now())}  ${prefix}/${name}  ${what}  ${owner}${force}  ${id}`)
}

function jsonLine({ revision, owner, ...event }: LockEvent): string {
  const seen = Timestamp.now().toISO()
  return JSON.stringify({ seen, ...event, owner: owner ?? null, revision: String(revision) })
}
