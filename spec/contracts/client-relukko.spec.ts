import { afterAll, beforeAll, describe } from '@jest/globals'
import { RelukkoClient } from '../../lib/relukko/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import type { Store } from '../../lib/store/store.js'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { relukkoContract } from './relukko-contract.js'

const etcd = useEtcdServer()

describe.each<[string, () => Store]>([
  ['the memory store', () => new MemoryStore()],
  ['etcd', () => storeAt(etcd.get().endpoint)],
])('The Relukko client of two servers on %s', (_, makeStore) => {
  let stores: Store[]
  let servers: RelukkoServer[]
  let urls: string[]
  let clients = 0

  beforeAll(async () => {
    const first = makeStore()
    stores = first instanceof MemoryStore ? [first, first] : [first, makeStore()]
    servers = await Promise.all(
      stores.map(store => RelukkoServer.create({ store, apiKeys: { test: 'the key' } })),
    )
    urls = await Promise.all(servers.map(server => server.listen({ port: 0 })))
  })
  afterAll(async () => {
    await Promise.all(servers.map(server => server.close()))
    await Promise.all(stores.map(store => store.close()))
  })

  relukkoContract(() => new RelukkoClient(urls[clients++ % 2]!, 'the key'))
})
