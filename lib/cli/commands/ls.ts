import { LockService } from '../../lock/api/lock-service.js'
import type { LockState } from '../../model/lock-state.js'
import { Timestamp } from '../../model/timestamp.js'
import { connectionOf, prefixesOf } from '../io/connection.js'
import { EXIT } from '../io/exit-codes.js'
import { ago, jsonOf, left, table } from '../io/format.js'
import { print, printJson, say } from '../io/output.js'
import type { LsOptions } from '../usage/ls.js'

const HEAD = ['PREFIX', 'NAME', 'HOLDER', 'SINCE', 'REMAINING', 'CONCURRENCY', 'WAITERS']

/** Resolves to the exit code. */
export async function ls(options: LsOptions): Promise<number> {
  const connection = connectionOf(options)
  const prefixes = prefixesOf(connection, options.prefix)
  const locks = await LockService.open(connection)
  try {
    const states = (await Promise.all(prefixes.map(prefix => locks.list(prefix)))).flat()
    if (options.json) {
      printJson({ locks: states.map(jsonOf) })
      return EXIT.ok
    }
    for (const { problem } of states) if (problem !== undefined) say(problem)
    if (states.length === 0) say(`no locks under ${prefixes.join(', ')}`)
    else print(table(HEAD, rowsOf(states, Timestamp.now())))
    return EXIT.ok
  } finally {
    await locks.close()
  }
}

/** A row for each holder, and one for a lock that has none. */
function rowsOf(states: readonly LockState[], now: Timestamp): string[][] {
  return states.flatMap(({ prefix, name, holders, waiters, problem }) => {
    const nobody = [problem === undefined ? '-' : '(unreadable)', '-', '-', '-']
    const cells = holders.map(holder => [
      holder.owner,
      ago(holder.since, now),
      left(holder),
      String(holder.concurrency),
    ])
    return (cells.length > 0 ? cells : [nobody]).map(row => [prefix, name, ...row, String(waiters.length)])
  })
}
