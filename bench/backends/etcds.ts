import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { EtcdCluster } from '../../spec/support/etcd-cluster.js'
import { eventually } from '../../lib/testing/eventually.js'

/** The etcds of a run. A process uses the endpoint of its number, so that all have the same share. */
export interface Etcds {
  readonly endpoints: readonly string[]
  readonly pids: readonly (number | undefined)[]
  stop(): Promise<void>
}

/** Etcds that know nothing of each other, with their data below a folder. */
export async function separateEtcds(count: number, folder: string): Promise<Etcds> {
  const servers: EtcdServer[] = []
  const stop = async (): Promise<void> => void (await Promise.all(servers.map(server => server.stop())))
  try {
    while (servers.length < count) {
      const dataDir = join(folder, `etcd-${servers.length}`)
      await mkdir(dataDir)
      servers.push(await EtcdServer.start({ dataDir }))
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    endpoints: servers.map(({ endpoint }) => endpoint),
    pids: servers.map(({ pid }) => pid),
    stop,
  }
}

/** One etcd of several members. */
export async function etcdOf(members: number, folder: string): Promise<Etcds> {
  const cluster = await EtcdCluster.start(members, folder)
  try {
    await eventually(() => cluster.leader())
    return {
      endpoints: cluster.endpoints,
      pids: cluster.members.map(({ pid }) => pid),
      stop: () => cluster.stop(),
    }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}
