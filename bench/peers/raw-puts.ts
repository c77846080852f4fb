import { EtcdCalls } from './etcd-calls.js'
import type { Peer } from './peer.js'

/** The floor: two puts, one after the other. It locks nothing. */
export const rawPuts: Peer = {
  name: 'two raw puts',
  open({ etcd }) {
    const calls = new EtcdCalls(etcd)
    const put = (name: string): Promise<unknown> =>
      calls.call('etcdserverpb.KV/Put', [
        [1, `bench/raw/${name}`],
        [2, 'x'.repeat(100)],
      ])
    const acquire = async ([name]: readonly string[]): Promise<() => Promise<void>> => {
      await put(name!)
      return async () => void (await put(name!))
    }
    return Promise.resolve({
      client: () => Promise.resolve({ acquire }),
      close: () => Promise.resolve(calls.close()),
    })
  },
}
