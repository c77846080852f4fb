#!/usr/bin/env node
import { EXIT } from './io/exit-codes.js'
import { say } from './io/output.js'
import { runProgram } from './program.js'

process.stdout.on('error', onOutputError)
process.exitCode = await runProgram(process.argv.slice(2))

/** The error may come when the command has done everything else. */
function onOutputError(error: NodeJS.ErrnoException): void {
  // The reader, `head` perhaps, has seen enough.
  if (error.code === 'EPIPE') return
  say(`stdout cannot be written: ${error.message}`)
  process.once('exit', () => (process.exitCode = EXIT.output))
}
