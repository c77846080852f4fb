import { EtcdServer } from './etcd-server.js'

export interface EtcdForTests {
  readonly endpoints: string[]
  /** Missing when the endpoints come from the environment. */
  readonly server?: EtcdServer
  /** Ends what was started here; an etcd from the environment is left alone. */
  stop(): Promise<void>
}

/** The etcd that `SPICELOCK_ENDPOINTS` names (comma separated), else one of its own. */
export async function etcdForTests(): Promise<EtcdForTests> {
  const endpoints = (process.env['SPICELOCK_ENDPOINTS'] ?? '')
    .split(',')
    .map(endpoint => endpoint.trim())
    .filter(Boolean)
  if (endpoints.length > 0) return { endpoints, stop: () => Promise.resolve() }
  const server = await EtcdServer.start()
  return { endpoints: server.endpoints, server, stop: () => server.stop() }
}
