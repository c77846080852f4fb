import { RelukkoClient } from '../../lib/relukko/index.js'

/** A process that waits for a lock until it is told how to end that, and then has nothing more to do. */
const [url, name, seconds] = process.argv.slice(2)
const abort = new AbortController()
const client = new RelukkoClient(url!, 'a secret of the test', {
  acquireWaitForTimeout: 61,
  signal: abort.signal,
})
process.stdin.once('data', by => {
  if (by.toString() === 'close') void client.close()
  else abort.abort(new Error('aborted'))
  process.stdin.destroy()
})
process.stdout.write(
  await client.acquireRelukko(name!, null, Number(seconds)).then(
    lock => lock?.id ?? 'null',
    (error: Error) => error.message,
  ),
)
process.stdin.destroy()
