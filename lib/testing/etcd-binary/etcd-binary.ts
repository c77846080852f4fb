import { LockError } from '../../model/errors.js'
import { etcdEnvironment } from '../etcd-environment.js'
import { run } from './run.js'

export interface EtcdBinary {
  /** Absolute. */
  readonly path: string
  /** For example `3.5.21`. */
  readonly version: string
}

/** Runs the file at `path` with `--version`. @throws LockError when it is not etcd. */
export async function checkedBinary(path: string): Promise<EtcdBinary> {
  const printed = await run(path, ['--version'], { env: etcdEnvironment(), timeout: 10_000 })
  const version = /^etcd Version: (\S+)/m.exec(printed)?.[1]
  if (version === undefined) {
    const [line] = printed.split('\n')
    throw new LockError(`'${path} --version' printed '${line}', expected 'etcd Version: ...'`)
  }
  return { path, version }
}
