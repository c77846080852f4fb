import { InvalidArgumentError } from 'commander'

/** The parser of an option that is a whole number from `min` on. */
export function integerFrom(min: number): (text: string) => number {
  return text => number(text, /^\d+$/, min, `a whole number from ${min} on`)
}

/** The parser of an option that is a time in seconds. */
export function seconds(text: string): number {
  return number(text, /^\d+(\.\d+)?$/, 0, 'a number of seconds from 0 on')
}

function number(text: string, form: RegExp, min: number, expected: string): number {
  const value = Number(text)
  if (form.test(text) && value >= min) return value
  throw new InvalidArgumentError(`It must be ${expected}.`)
}
