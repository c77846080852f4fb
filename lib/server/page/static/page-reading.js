import { call } from '/page-call.js'
import { count, isMuchGone, note, noteAll } from '/page-locks.js'

/** Pause after a failure. */
const PAUSE_MS = 3_000
/** What happens at once is read at once. */
const GATHER_MS = 50
/** Reads at a time: a browser has six connections for a site, and people want some. */
const AT_A_TIME = 3

/** Reads what has changed, until there is nothing left to read. */
export class Reading {
  /** Why something could not be read, in words. */
  problem = ''
  changed = new Map()
  isAllChanged = false

  /** @param onRead is called after each reading. */
  constructor(onRead) {
    this.onRead = onRead
  }

  add({ prefix, name }) {
    this.changed.set(JSON.stringify([prefix, name]), { prefix, name })
    this.begin()
  }

  addAll() {
    this.isAllChanged = true
    this.begin()
  }

  begin() {
    this.running ??= pause(GATHER_MS)
      .then(() => this.run())
      .finally(() => (this.running = undefined))
  }

  async run() {
    while (this.isAllChanged || this.changed.size > 0) {
      const locks = [...this.changed.values()]
      // All of them when that is less work.
      const isAll = this.isAllChanged || locks.length > Math.max(50, count() / 20)
      this.changed.clear()
      this.isAllChanged = false
      this.problem = ''
      if (isAll) await this.readAll()
      else await this.readEach(locks)
      this.onRead()
      if (isMuchGone()) this.isAllChanged = true
      await pause(this.problem ? PAUSE_MS : GATHER_MS)
    }
  }

  async readAll() {
    try {
      const { locks, revision } = await call.locks()
      noteAll(locks, BigInt(revision))
    } catch (error) {
      this.problem = error.message
      this.isAllChanged = true
    }
  }

  async readEach(locks) {
    const left = [...locks]
    const read = async () => {
      for (let lock = left.pop(); lock; lock = left.pop()) await this.readOne(lock)
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, read))
  }

  /** One that cannot be read is asked for again, and does not keep the others from being shown. */
  async readOne(lock) {
    try {
      note(await call.lock(lock))
    } catch (error) {
      // What is refused now is refused again.
      if (error.status >= 400 && error.status < 500 && error.status !== 429) return
      this.problem = error.message
      this.changed.set(JSON.stringify([lock.prefix, lock.name]), lock)
    }
  }
}

function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}
