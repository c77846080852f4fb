/**
 * The environment for etcd: that of this process without its `ETCD_*` variables, which etcd would read as flags, and
 * without `NODE_OPTIONS`, which concerns this process alone. `extra` goes on top.
 */
export function etcdEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith('ETCD_') && name !== 'NODE_OPTIONS') env[name] = value
  }
  // etcd 3.4 refuses to run on arm64 unless it is told so.
  return { ...env, ...(process.arch === 'arm64' && { ETCD_UNSUPPORTED_ARCH: 'arm64' }), ...extra }
}
