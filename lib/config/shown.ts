import { inspect } from 'node:util'

/** A value for an error message, without what stands before an `@`: it may be the password in a URL. */
export function describeConfigValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.replace(/^.*@/s, '…@'))
  const text = inspect(value, { compact: true, breakLength: Infinity })
  return text.includes('@') ? 'something with credentials (not shown)' : text
}
