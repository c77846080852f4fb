import { hostname, userInfo } from 'node:os'

export function defaultOwner(): string {
  return `${userName()}@${hostname()} [${process.pid}]`
}

/** Whether it was this user on this host, in whichever process, who took a lock without naming an owner. */
export function isOwnOwner(owner: string): boolean {
  const own = `${userName()}@${hostname()} [`
  return owner.startsWith(own) && /^\d+\]$/.test(owner.slice(own.length))
}

/** In some containers the user has an id only. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.())
  }
}
