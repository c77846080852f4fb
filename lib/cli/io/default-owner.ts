import { hostname, userInfo } from 'node:os'

export function defaultOwner(): string {
  return `${userName()}@${hostname()} [${process.pid}]`
}

/** Whether a lock was taken by this user on this host, in any process, without `--owner`. */
export function isOwnOwner(owner: string): boolean {
  const own = `${userName()}@${hostname()} [`
  return owner.startsWith(own) && /^\d+\]$/.test(owner.slice(own.length))
}

/** In some containers the user has no name, but an id. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.())
  }
}
