import { EtcdCalls, fieldOf } from './etcd-calls.js'
import type { Peer, PeerClient } from './peer.js'

/** etcd's own Lock service (v3lockpb), which `etcdctl lock` is like. Each client has a lease of its own, which is its place in the queue. */
export const lockRpc: Peer = {
  name: "etcd's Lock RPC",
  open({ etcd }) {
    const calls = new EtcdCalls(etcd)
    const client = async (): Promise<PeerClient> => {
      const lease = await calls.lease()
      return {
        async acquire([name]) {
          const answer = await calls.call('v3lockpb.Lock/Lock', [
            [1, `bench/rpc/${name}`],
            [2, lease],
          ])
          const key = fieldOf(answer, 2) as Buffer
          return async () => void (await calls.call('v3lockpb.Lock/Unlock', [[1, key]]))
        },
      }
    }
    return Promise.resolve({ client, close: () => Promise.resolve(calls.close()) })
  },
}
