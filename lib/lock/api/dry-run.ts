const WARNING =
  'A spicelock Lock is in dry-run mode, since it was made without dryRun: nothing is locked, and nobody is kept out. ' +
  'Pass dryRun: false to lock, or dryRun: true to be without this warning.'

let hasWarned = false

/** Says, once in a process, that a Lock locks nothing because nobody has said whether it should. */
export function warnOfDryRun(): void {
  if (hasWarned) return
  hasWarned = true
  process.emitWarning(WARNING, { code: 'SPICELOCK_DRY_RUN' })
}
