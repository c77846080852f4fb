import { readFile } from 'node:fs/promises'

/** Of the kernel; all Linux machines that Node runs on have this one. */
const TICK_MS = 10

/** Milliseconds of CPU that a process has used, user and system; NaN where /proc does not tell. */
export async function cpuMsOf(pid: number | undefined): Promise<number> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const [utime, stime] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number)
    return (utime! + stime!) * TICK_MS
  } catch {
    return NaN
  }
}
