import { writeSync } from 'node:fs'

/**
 * A line on stderr. Written past `process.stderr`, which would make a pipe non-blocking that the child of
 * `run` shares. A stderr that nobody reads any more is no reason to fail.
 */
export function say(text: string): void {
  write(`spicelock: ${text.split('\n').map(printable).join('\n')}\n`)
}

export function write(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    return
  }
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** One JSON document on stdout. What is undefined becomes null, so that no field is ever missing. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, (_key, value: unknown) => value ?? null, 2))
}

/** Owners and names were written by others: what could steer a terminal is shown as `�`. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}
