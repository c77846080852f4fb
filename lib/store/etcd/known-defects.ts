/**
 * What is known to be wrong with an etcd of this version and so many members, for the operator; undefined when
 * nothing is. (etcd issues 17465 and 17425, mended in 3.4.31 and 3.5.13.)
 */
export function knownDefect(version: string, members: number): string | undefined {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(part => Number.parseInt(part, 10))
  const isAffected = major === 3 && (minor < 4 || (minor === 4 && patch < 31) || (minor === 5 && patch < 13))
  if (!isAffected || members < 2) return undefined
  return (
    `etcd ${version} with ${members} members can end the leases of living holders when its leader is cut off. ` +
    'Upgrade it to 3.4.31, 3.5.13 or newer.'
  )
}
