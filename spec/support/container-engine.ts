import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findEtcd } from '../../lib/testing/etcd-binary/find-etcd.js'
import { root } from './bundle.js'

const execute = promisify(execFile)
const IMAGE = 'spicelock-etcd-for-tests'

/** Whether containers can be run here. */
export async function hasContainerEngine(): Promise<boolean> {
  try {
    await execute('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 })
    return true
  } catch {
    return false
  }
}

/** An image of the etcd that the tests use, since not every machine can pull one. */
export async function etcdImage(): Promise<string> {
  const { path } = await findEtcd(() => {})
  await execute(join(root, 'docker/etcd/build.sh'), [path, IMAGE])
  return IMAGE
}
