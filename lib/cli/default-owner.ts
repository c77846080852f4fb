import { hostname, userInfo } from 'node:os'

export function defaultOwner(): string {
  return `${userName()}@${hostname()} [${process.pid}]`
}

/** In some containers the user has an id only. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.())
  }
}
