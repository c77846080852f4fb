import { anything, type Check, checkOptions } from '../../config/check-options.js'
import { InvalidLockError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import { byBytes, isWithin } from '../../kv/key-value.js'
import type { Op } from '../../kv/transaction.js'
import type { GuardedWrite } from '../../protocol/guard.js'
import { LockKey } from '../../protocol/lock-key.js'

const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed()
const key: Check = ['a non-empty text', value => isText(value) && value !== '']
const oneOf = (expected: string, ...values: unknown[]): Check => [expected, value => values.includes(value)]

const TYPE = oneOf("'put', 'delete' or 'range'", 'put', 'delete', 'range')
const PUT = {
  type: TYPE,
  key,
  value: ['a text', isText] as Check,
  lease: ['the id of a lease, in decimal digits', value => isText(value) && /^\d+$/.test(value)] as Check,
}
const RANGE = { type: TYPE, key, end: key }
const COMPARE = {
  target: oneOf("'create' or 'mod'", 'create', 'mod'),
  key,
  end: key,
  is: oneOf("'=', '!=', '<' or '>'", '=', '!=', '<', '>'),
  revision: ['a bigint from 0 on', value => typeof value === 'bigint' && value >= 0n] as Check,
}

/** Those of all locks: what stands there is written by the transactions of the locks themselves. */
const LOCKS = LockKey.all
/** etcd's end of a range that has none. */
const ENDLESS = '\0'

/** @throws InvalidLockError naming what is wrong: etcd would be blamed for it otherwise. */
export function checkGuardedWrite(write: unknown): asserts write is GuardedWrite {
  check('guard', write, { compare: anything, success: anything })
  const { compare = [], success } = write as { compare?: unknown; success?: unknown }
  checkList('success', 'operations', success)
  checkList('compare', 'conditions', compare)
  success.forEach((op, at) => {
    const isPut = (op as { type?: unknown } | null)?.type === 'put'
    check(`guard: success[${at}]`, op, isPut ? PUT : RANGE, ['type', 'key', ...(isPut ? ['value'] : [])])
    checkOutside(`guard: success[${at}]`, op as Op)
  })
  compare.forEach((each, at) => {
    check(`guard: compare[${at}]`, each, COMPARE, ['target', 'key', 'is', 'revision'])
  })
}

/** A KeyLocks that was overwritten could not be read: nobody would get that lock any more. */
function checkOutside(what: string, op: Op): void {
  if (op.type === 'range') return
  const { key } = op
  const end = op.type === 'delete' ? op.end : undefined
  const reachesIn =
    end === undefined
      ? isWithin(key, LOCKS)
      : byBytes(key, LOCKS.end) < 0 && (end === ENDLESS || byBytes(end, LOCKS.key) > 0)
  if (!reachesIn) return
  const range = `${describeValue(key)}${end === undefined ? '' : ` with an 'end' of ${describeValue(end)}`}`
  throw new InvalidLockError(
    `${what}: the option 'key' must lie outside ${LOCKS.key}, where only the locks themselves write, got ${range}.`,
  )
}

function checkList(name: string, of: string, value: unknown): asserts value is readonly unknown[] {
  if (Array.isArray(value)) return
  throw new InvalidLockError(`guard: '${name}' must be a list of ${of}, got ${describeValue(value)}.`)
}

function check(
  what: string,
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  required?: readonly string[],
): void {
  checkOptions(options, checks, problem => new InvalidLockError(`${what}: ${problem}`), required)
}
