import { Etcd3, EtcdLockFailedError } from 'etcd3'
import type { Peer } from './peer.js'

/** etcd3's lock does not wait: its users try again. */
const RETRY_MS = 5

export const etcd3Lock: Peer = {
  name: 'etcd3 lock()',
  open({ etcd }) {
    const etcd3 = new Etcd3({ hosts: etcd })
    const acquire = async ([name]: readonly string[]): Promise<() => Promise<void>> => {
      for (;;) {
        const lock = etcd3.lock(`bench/etcd3/${name}`).ttl(60)
        try {
          await lock.acquire()
          return () => lock.release()
        } catch (error) {
          if (!(error instanceof EtcdLockFailedError)) throw error
          await new Promise(resolve => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())))
        }
      }
    }
    return Promise.resolve({
      client: () => Promise.resolve({ acquire }),
      close: () => Promise.resolve(etcd3.close()),
    })
  },
}
