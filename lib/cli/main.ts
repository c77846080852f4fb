#!/usr/bin/env node
import { EXIT } from './io/exit-codes.js'
import { say } from './io/output.js'
import { runProgram } from './program.js'

/** How long calls that are still under way at the end may keep this process alive. */
const LINGER_MS = 50

process.stdout.on('error', onOutputError)
process.exitCode = await runProgram(process.argv.slice(2), leave)

/** A call to an etcd that hangs would keep this process alive. */
function leave(): void {
  setTimeout(() => process.exit(), LINGER_MS).unref()
}

/** The error may come when the command has done everything else. */
function onOutputError(error: NodeJS.ErrnoException): void {
  // The reader, `head` perhaps, has seen enough.
  if (error.code === 'EPIPE') return
  say(`stdout cannot be written: ${error.message}`)
  process.once('exit', () => (process.exitCode = EXIT.output))
}
