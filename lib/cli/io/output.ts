import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { printable } from '../../model/describe-value.js'

/** Where the command writes its text. */
export interface Output {
  out(text: string): void
  err(text: string): void
}

const OF_PROCESS: Output = { out: text => void process.stdout.write(text), err: writeToStderr }
let output = OF_PROCESS

/** Until the returned function is called, text goes to another output than that of this process. */
export function redirect(other: Output): () => void {
  output = other
  return () => (output = OF_PROCESS)
}

/** A line on stderr. */
export function say(text: string): void {
  writeError(`spicelock: ${text.split('\n').map(printable).join('\n')}\n`)
}

export function print(text: string): void {
  writeOutput(`${text}\n`)
}

export function writeError(text: string): void {
  output.err(text)
}

export function writeOutput(text: string): void {
  output.out(text)
}

/**
 * Writes past `process.stderr`, which would make a pipe non-blocking that the child of `run` shares. A stderr whose reader
 * has gone is no reason to fail.
 */
function writeToStderr(text: string): void {
  // A terminal may stop background processes that write to it. If this process listened to that, the write would begin
  // anew for ever.
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

/** One JSON document on stdout. What is undefined becomes null, so that no field is ever missing. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, (_key, value: unknown) => value ?? null, 2))
}

/** Names locks in a sentence; in quotes, for a name may hold spaces. */
export function locksNamed(prefix: string, names: readonly string[]): string {
  return names.map(name => `"${prefix}/${name}"`).join(', ')
}

/** Quotes a word of a command for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
