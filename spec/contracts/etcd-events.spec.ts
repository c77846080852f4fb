import { describe } from '@jest/globals'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { eventContract } from './event-contract.js'

describe('Events on etcd', () => {
  const etcd = useEtcdServer()
  eventContract(() => Promise.resolve(storeAt(etcd.get().endpoint)))
})
