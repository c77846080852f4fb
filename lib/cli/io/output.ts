import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/**
 * A line on stderr. Written past `process.stderr`, which would make a pipe non-blocking that the child of
 * `run` shares. A stderr that nobody reads any more is no reason to fail.
 */
export function say(text: string): void {
  write(`spicelock: ${text.split('\n').map(printable).join('\n')}\n`)
}

export function write(text: string): void {
  // A terminal may stop background processes that write to it. If one listens to that, the write would begin anew for ever.
  const listeners = isatty(2) ? process.listeners('SIGTTOU') : []
  for (const listener of listeners) process.off('SIGTTOU', listener)
  try {
    writeSync(2, text)
  } catch {
    return
  } finally {
    for (const listener of listeners) process.on('SIGTTOU', listener)
  }
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** One JSON document on stdout. What is undefined becomes null, so that no field is ever missing. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, (_key, value: unknown) => value ?? null, 2))
}

/** Locks in a sentence: what they are called may hold spaces. */
export function locksNamed(prefix: string, names: readonly string[]): string {
  return names.map(name => `"${prefix}/${name}"`).join(', ')
}

/** A word of a command for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Owners and names were written by others: what could steer a terminal is shown as `�`. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}
