import { BinaryCache } from '../../lib/testing/etcd-binary/binary-cache.js'
import { checkedBinary, type EtcdBinary } from '../../lib/testing/etcd-binary/etcd-binary.js'
import { findEtcd } from '../../lib/testing/etcd-binary/find-etcd.js'
import { officialRelease } from '../../lib/testing/etcd-binary/official-release.js'

const CACHE = 'node_modules/.cache/spicelock/etcd-to-measure'
const VARIABLE = 'SPICELOCK_ETCD_BIN'

/**
 * etcd 3.5 or later, where it can be had, for this process and those that it starts: older ones, as some distributions have
 * them, are slower. One that `SPICELOCK_ETCD_BIN` names is taken as it is.
 */
export async function etcdToMeasure(progress: (line: string) => void): Promise<EtcdBinary> {
  const found = await findEtcd(progress)
  if (process.env[VARIABLE] || isRecent(found.version)) return found
  try {
    const cache = await BinaryCache.open({ SPICELOCK_CACHE: CACHE })
    const cached = await checkedBinary(cache.path).catch(() => undefined)
    const recent = cached ?? (await cache.fill(officialRelease(), progress))
    process.env[VARIABLE] = recent.path
    return recent
  } catch (error) {
    progress(`etcd ${found.version} is measured: ${VARIABLE} names none, and ${(error as Error).message}`)
    return found
  }
}

export function isRecent(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  return major! > 3 || (major === 3 && minor! >= 5)
}
