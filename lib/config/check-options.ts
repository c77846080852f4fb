import { describeValue } from '../model/describe-value.js'
import { nearest } from './nearest.js'

/** What an option must be, in words, and whether it is. What is secret is not told in errors. */
export type Check = readonly [expected: string, isRight: (value: unknown) => boolean, secret?: 'secret']

/**
 * Checks options by their names; those that are undefined count as not given.
 * @param refuse makes the error that is thrown for one that is unknown, wrong or missing.
 */
export function checkOptions(
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  refuse: (problem: string) => Error,
  required: readonly string[] = [],
): void {
  if (typeof options !== 'object' || options === null) {
    throw refuse(`the options must be an object, got ${describeValue(options)}.`)
  }
  for (const [name, value] of Object.entries({ ...missing(required), ...options })) {
    if (value === undefined && !required.includes(name)) continue
    const found = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (!found) throw refuse(`unknown option '${name}'${suggestion(name, checks)}`)
    const [expected, isRight, secret] = found
    const got = secret ? '' : `, got ${describeValue(value)}`
    if (!isRight(value)) throw refuse(`the option '${name}' must be ${expected}${got}.`)
  }
}

function missing(required: readonly string[]): object {
  return Object.fromEntries(required.map(name => [name, undefined]))
}

function suggestion(name: string, checks: object): string {
  const known = Object.keys(checks)
  const best = nearest(name, known)
  return best ? `. Did you mean '${best}'?` : `; known are: ${known.join(', ')}.`
}
