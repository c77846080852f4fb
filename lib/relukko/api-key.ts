const SENDABLE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/

/** What a key must be, to be sent in a header. */
export const API_KEY = 'a text of ASCII that can be sent in a header'

export function isApiKey(value: unknown): value is string {
  return typeof value === 'string' && SENDABLE.test(value)
}
