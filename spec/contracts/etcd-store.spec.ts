import { describe } from '@jest/globals'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { storeContract } from './store-contract.js'

describe('EtcdStore', () => {
  const etcd = useEtcdServer()
  storeContract(() => Promise.resolve(storeAt(etcd.get().endpoint)))
})
