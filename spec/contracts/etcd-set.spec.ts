import { describe } from '@jest/globals'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { setContract } from './set-contract.js'

describe('Several locks at once on etcd', () => {
  const etcd = useEtcdServer()
  setContract(() => Promise.resolve(storeAt(etcd.get().endpoint)))
})
