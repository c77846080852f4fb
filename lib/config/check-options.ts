import { describeSetting } from '../model/describe-value.js'
import { isAbortSignal } from '../time/abort-signal.js'
import { nearest } from './nearest.js'

/** What an option must be, in words, and whether it is. What is secret is not told in errors. */
export type Check = readonly [expected: string, isRight: (value: unknown) => boolean, secret?: 'secret']

/** What is checked where it is used. */
export const anything: Check = ['anything', () => true]
export const aBoolean: Check = ['true or false', value => typeof value === 'boolean']
export const aText: Check = ['a text', value => typeof value === 'string']
export const aFunction: Check = ['a function', value => typeof value === 'function']
export const aSignal: Check = ['an AbortSignal', isAbortSignal]
export const aStore: Check = ['a Store', has('commit')]
export const aLogger: Check = ['a pino logger', has('info')]
export const prefixes: Check = ['a list of prefixes', Array.isArray]

export function countFrom(least: number): Check {
  return [`an integer from ${least} on`, value => Number.isSafeInteger(value) && (value as number) >= least]
}

/**
 * Checks options by their names; those that are undefined count as not given.
 * @param refuse makes the error that is thrown for one that is unknown, wrong or missing.
 * @param explain says what an unknown one is, if it can.
 */
export function checkOptions(
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  refuse: (problem: string) => Error,
  required: readonly string[] = [],
  explain: (name: string) => string | undefined = () => undefined,
): void {
  if (typeof options !== 'object' || options === null) {
    throw refuse(`the options must be an object, got ${describeSetting(options)}.`)
  }
  const given: object = required.length > 0 ? { ...missing(required), ...options } : options
  // To list the entries of options would cost more than to check them.
  for (const name of Object.keys(given)) {
    const value = (given as Readonly<Record<string, unknown>>)[name]
    if (value === undefined && !required.includes(name)) continue
    const found = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (!found) throw refuse(explain(name) ?? `unknown option '${name}'${suggestion(name, checks)}`)
    const [expected, isRight, secret] = found
    if (isRight(value)) continue
    const got = secret ? '' : `, got ${describeSetting(value)}`
    throw refuse(`the option '${name}' must be ${expected}${got}.`)
  }
}

function has(method: string): (value: unknown) => boolean {
  return value => typeof (value as Record<string, unknown> | null)?.[method] === 'function'
}

function missing(required: readonly string[]): object {
  return Object.fromEntries(required.map(name => [name, undefined]))
}

function suggestion(name: string, checks: object): string {
  const known = Object.keys(checks)
  const best = nearest(name, known)
  return best ? `. Did you mean '${best}'?` : `; known are: ${known.join(', ')}.`
}
