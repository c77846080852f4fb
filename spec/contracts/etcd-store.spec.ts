import { describe, it } from '@jest/globals'
import { storeContract } from '../../lib/testing/store-contract/store-contract.js'
import { storeAt, useEtcdServer } from '../support/etcd.js'

describe('EtcdStore', () => {
  const etcd = useEtcdServer()
  it.each(storeContract(() => storeAt(etcd.get().endpoint)))('$name', ({ run }) => run())
})
