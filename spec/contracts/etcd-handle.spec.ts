import { describe } from '@jest/globals'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { handleContract } from './handle-contract.js'

describe('A handle on etcd', () => {
  const etcd = useEtcdServer()
  handleContract(() => Promise.resolve(storeAt(etcd.get().endpoint)))
})
