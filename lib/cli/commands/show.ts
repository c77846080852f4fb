import { Lock } from '../../lock/api/lock.js'
import { printable } from '../../model/describe-value.js'
import type { LockState } from '../../model/lock-state.js'
import { Timestamp } from '../../model/timestamp.js'
import { connectionOf, prefixesOf } from '../io/connection.js'
import { EXIT } from '../io/exit-codes.js'
import { ago, jsonOf, left, localTime, table } from '../io/format.js'
import { locksNamed, print, printJson } from '../io/output.js'
import type { ShowOptions } from '../usage/show.js'

/** Resolves to the exit code. */
export async function show(name: string, options: ShowOptions): Promise<number> {
  const connection = connectionOf(options)
  prefixesOf(connection, options.prefix)
  const lock = new Lock({ ...connection, prefix: options.prefix, owner: 'spicelock show', dryRun: true })
  try {
    const state = await lock.inspect(name)
    if (options.json) printJson(jsonOf(state))
    else print(textOf(state, Timestamp.now()))
    return EXIT.ok
  } finally {
    await lock.close()
  }
}

function textOf({ prefix, name, holders, waiters }: LockState, now: Timestamp): string {
  const since = (time: Timestamp): string => `${localTime(time)} (${ago(time, now)})`
  const held = table(
    ['ID', 'OWNER', 'SINCE', 'REMAINING', 'CONCURRENCY', 'FENCING TOKEN'],
    holders.map(holder => [
      holder.id,
      holder.owner,
      since(holder.since),
      left(holder),
      String(holder.concurrency),
      String(holder.fencingToken ?? '-'),
    ]),
  )
  const queue = table(
    ['PLACE', 'ID', 'OWNER', 'SINCE'],
    waiters.map(waiter => [
      String(waiter.place),
      waiter.id,
      waiter.owner ?? 'unknown',
      waiter.since ? since(waiter.since) : '-',
    ]),
  )
  const title = printable(locksNamed(prefix, [name]))
  return [
    holders.length > 0 ? `${title} is held by:\n${held}` : `Nobody holds ${title}.`,
    waiters.length > 0 ? `These wait for it:\n${queue}` : 'Nobody waits for it.',
  ].join('\n\n')
}
