import { describe } from '@jest/globals'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { storeContract } from './store-contract.js'

describe('EtcdStore', () =>
  storeContract(() =>
    Promise.resolve(
      new EtcdStore({ endpoints: ['http://127.0.0.1:22379'], callTimeoutMs: 5000, failover: true }),
    ),
  ))
