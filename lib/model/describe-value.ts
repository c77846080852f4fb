const LONGEST = 200

/** Text for an error message, which a caller or another program may have made very long. */
export function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}

/**
 * What other programs have written into etcd: owners, reasons, names. Control characters, which could steer a terminal or begin
 * a line that passes for one of ours, are shown as `�`.
 */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}

/**
 * A value of any type, for an error message, without what may be secret: what an array or an object holds, and the
 * user and password of a URL. Never throws: not every object can become a string.
 */
export function describeValue(value: unknown): string {
  const hidesUser = typeof value === 'string' && value.includes('://')
  return hidesUser ? describeSetting(value) : describe(value)
}

/** As {@link describeValue}, for a setting that may be an address: without all that stands before an `@`. */
export function describeSetting(value: unknown): string {
  if (typeof value !== 'string') return describe(value)
  const at = value.lastIndexOf('@')
  return describe(at < 0 ? value : `…${value.slice(at)}`)
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return shorten(typeof value === 'string' ? JSON.stringify(value) : String(value))
}
