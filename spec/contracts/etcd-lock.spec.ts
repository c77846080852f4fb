import { describe } from '@jest/globals'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { lockContract } from './lock-contract.js'

describe('Lock on etcd', () => {
  const etcd = useEtcdServer()
  lockContract(() => Promise.resolve(storeAt(etcd.get().endpoint)))
})
