// A fenced file: a holder that was paused for longer than its lease cannot overwrite what its successor wrote, because the
// file refuses a token that is older than the one it was written with.
//
//   node examples/fenced-file.mjs
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Lock } from 'spicelock'

/** The check belongs to the resource, in one step with the write: here, one process owns the file and does not wait in between. */
class FencedFile {
  constructor(path) {
    this.path = path
  }

  read() {
    return existsSync(this.path) ? JSON.parse(readFileSync(this.path, 'utf8')) : { token: '0', text: '' }
  }

  write(token, text) {
    const newest = BigInt(this.read().token)
    if (token < newest) throw new Error(`refused: token ${token} is older than ${newest}`)
    writeFileSync(`${this.path}.new`, JSON.stringify({ token: String(token), text }))
    renameSync(`${this.path}.new`, this.path)
  }
}

const endpoints = (process.env.SPICELOCK_ENDPOINTS ?? 'http://127.0.0.1:2379').split(',')
const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner: 'report', dryRun: false })
const folder = mkdtempSync(join(tmpdir(), 'fenced-file-'))
const file = new FencedFile(join(folder, 'report.json'))

// A ttl without renewal stands for a pause: etcd gives the lock to the next one while this holder does not look.
const paused = await lock.hold('report', { concurrency: 1, ttl: 2 })
file.write(paused.fencingToken, 'written by the first holder')
const successor = await lock.hold('report', { concurrency: 1, ttl: 30, wait: 60 })
file.write(successor.fencingToken, 'written by its successor')

try {
  file.write(paused.fencingToken, 'written too late')
} catch (error) {
  console.log(error.message)
}
console.log(`the file was ${file.read().text}`)
await successor.release()
await lock.close()
rmSync(folder, { recursive: true })
