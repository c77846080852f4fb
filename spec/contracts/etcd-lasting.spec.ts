import { describe } from '@jest/globals'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { lastingContract } from './lasting-contract.js'

describe('As time goes by, on etcd,', () => {
  const etcd = useEtcdServer()
  lastingContract(() => Promise.resolve(storeAt(etcd.get().endpoint)))
})
