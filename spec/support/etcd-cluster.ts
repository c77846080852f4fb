import { freePorts } from '../../lib/testing/free-port.js'
import { EtcdProcess } from './etcd-process.js'

interface Status {
  readonly header: { readonly member_id: string }
  readonly leader: string
  readonly version: string
}

/** Several members of one etcd. */
export class EtcdCluster {
  private constructor(
    readonly members: readonly EtcdProcess[],
    /** In the order of the members. */
    readonly endpoints: readonly string[],
  ) {}

  /** @param parent folder for the data of the members; one for temporary files by default. */
  static async start(size = 3, parent?: string): Promise<EtcdCluster> {
    const urls = (await freePorts(2 * size)).map(port => `http://127.0.0.1:${port}`)
    const [clients, peers] = [urls.slice(0, size), urls.slice(size)]
    const cluster = peers.map((peer, index) => `m${index}=${peer}`).join(',')
    const members = await Promise.all(
      clients.map((client, index) =>
        EtcdProcess.start(
          [
            `--name=m${index}`,
            `--listen-client-urls=${client}`,
            `--advertise-client-urls=${client}`,
            `--listen-peer-urls=${peers[index]}`,
            `--initial-advertise-peer-urls=${peers[index]}`,
            `--initial-cluster=${cluster}`,
            `--initial-cluster-token=${cluster}`,
          ],
          parent,
        ),
      ),
    )
    return new EtcdCluster(members, clients)
  }

  /** Index of the member that leads. Rejects while none does. */
  async leader(): Promise<number> {
    const states = await Promise.all(this.endpoints.map(statusOf))
    const { leader } = states.find(status => status !== undefined)!
    const index = states.findIndex(status => status?.header.member_id === leader)
    if (index === -1) throw new Error('The cluster has no leader.')
    return index
  }

  /** Of the first member. */
  async version(): Promise<string> {
    return (await statusOf(this.endpoints[0]!))!.version
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(member => member.stop()))
  }
}

async function statusOf(endpoint: string): Promise<Status | undefined> {
  const url = `${endpoint}/v3/maintenance/status`
  const response = await fetch(url, { method: 'POST', body: '{}' }).catch(() => undefined)
  return response?.ok ? ((await response.json()) as Status) : undefined
}
