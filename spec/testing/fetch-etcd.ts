import { debianPackages } from '../../lib/testing/etcd-binary/debian-packages.js'
import { findEtcd } from '../../lib/testing/etcd-binary/find-etcd.js'

/** Fetches etcd with the environment that this process was given, and tells its steps. */
await findEtcd(line => console.log(line), {
  env: { SPICELOCK_CACHE: process.env['SPICELOCK_CACHE'] },
  sources: [debianPackages],
})
