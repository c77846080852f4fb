import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { RelukkoClient } from '../../lib/relukko/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import type { Store } from '../../lib/store/store.js'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { isFreeAfterGrace, relukkoContract } from './relukko-contract.js'

const etcd = useEtcdServer()

describe('The Relukko client of two servers on one etcd', () => {
  const make = useTwoServers()

  it.concurrent('a lock is free when its expiry has passed by the grace, and not before', async () => {
    await using one = make()
    await using other = make()
    await isFreeAfterGrace(one, other)
  })

  relukkoContract(make)
})

/** Servers of the same locks. Makes a client of one and of the other in turn. */
function useTwoServers(): () => RelukkoClient {
  let stores: Store[]
  let servers: RelukkoServer[]
  let urls: string[]
  let clients = 0

  beforeAll(async () => {
    stores = [storeAt(etcd.get().endpoint), storeAt(etcd.get().endpoint)]
    servers = await Promise.all(
      stores.map(store => RelukkoServer.create({ store, apiKeys: { test: 'the key' } })),
    )
    urls = await Promise.all(servers.map(server => server.listen({ port: 0 })))
  })
  afterAll(async () => {
    await Promise.all(servers.map(server => server.close()))
    await Promise.all(stores.map(store => store.close()))
  })
  return () => new RelukkoClient(urls[clients++ % 2]!, 'the key')
}
