import { describe } from '@jest/globals'
import { RelukkoAdapter } from '../../lib/relukko/index.js'
import { useEtcdServer } from '../support/etcd.js'
import { relukkoContract } from './relukko-contract.js'

describe('The Relukko adapter on etcd', () => {
  const etcd = useEtcdServer()
  relukkoContract(() => new RelukkoAdapter({ config: { endpoints: [etcd.get().endpoint] } }))
})
