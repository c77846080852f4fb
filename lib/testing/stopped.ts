import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 2
const PATIENCE_MS = 2_000

/**
 * Resolves when all threads of a process have stopped, which they do a moment after a SIGSTOP was sent: until then they may
 * still answer. Resolves at once where there is no /proc that tells, and when the process has ended.
 */
export async function stopped(pid: number): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!(await areStopped(pid)) && performance.now() < end) await delay(POLL_MS)
}

async function areStopped(pid: number): Promise<boolean> {
  try {
    const threads = await readdir(`/proc/${pid}/task`)
    const states = await Promise.all(threads.map(thread => stateOf(`/proc/${pid}/task/${thread}/stat`)))
    return states.every(state => state === 'T' || state === 't')
  } catch {
    return true
  }
}

/** The letter after the name, which is in brackets and may hold any character. */
async function stateOf(path: string): Promise<string | undefined> {
  const stat = await readFile(path, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 1).trim()[0]
}
