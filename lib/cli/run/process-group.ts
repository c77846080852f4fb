import { readdirSync, readFileSync } from 'node:fs'

/**
 * Whether a group has a process that has not ended. Zombies count as ended: in a container whose first process does not
 * reap them they stay for ever. Where there is no /proc they count as alive.
 */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const processes = readProcesses()
  return processes.length === 0 || processes.some(each => each.group === group && !'ZX'.includes(each.state))
}

interface ProcessState {
  readonly state: string
  readonly group: number
}

/** Empty where there is no /proc. */
function readProcesses(): ProcessState[] {
  try {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .flatMap(readProcess)
  } catch {
    return []
  }
}

function readProcess(pid: string): ProcessState[] {
  try {
    // `pid (name) state parent group …`, where the name may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [{ state: state!, group: Number(group) }]
  } catch {
    return []
  }
}
