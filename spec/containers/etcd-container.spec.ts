import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { RelukkoAdapter, RelukkoClient } from '../../lib/relukko/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { EtcdContainer, storeContract } from '../../lib/testing/index.js'
import { etcdImage, hasContainerEngine } from '../support/container-engine.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt, storeAt } from '../support/etcd.js'

const KEY = 'a secret of the test'
const hasEngine = await hasContainerEngine()
const isNeeded = process.env['CI'] === 'true'
if (!hasEngine && !isNeeded) {
  process.stderr.write('The tests with containers are skipped: there is no container engine.\n')
}

;(hasEngine || isNeeded ? describe : describe.skip)('An etcd in a container', () => {
  let etcd: EtcdContainer

  beforeAll(async () => {
    // Its helper container, which would have to be pulled, is of no use: every container is stopped below.
    expect({ hasEngine }).toEqual({ hasEngine: true })
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
    etcd = await EtcdContainer.start({ image: await etcdImage() })
  }, 120_000)
  afterAll(() => etcd?.stop())

  it.each(storeContract(() => storeAt(etcd.endpoint)))('$name', ({ run }) => run())

  it('serves locks', async () => {
    const lock = lockAt(etcd.endpoint)
    const name = freshName()
    await lock.acquired(name, { concurrency: 1, ttl: 10 }, async held => {
      await held.verify()
      expect((await lock.inspect(name)).holders).toHaveLength(1)
    })
    await lock.close()
  })

  it('serves Relukko’s clients, over HTTP and straight', async () => {
    const config = { endpoints: etcd.endpoints }
    const name = freshName()
    await using server = await RelukkoServer.create({ config, apiKeys: { test: KEY } })
    const url = await server.listen({ port: 0 })
    const client = new RelukkoClient(url, KEY)
    const adapter = new RelukkoAdapter({ config })
    const first = await client.acquireRelukko(name, 'over HTTP', 10)
    const waiting = adapter.acquireRelukko(name, 'straight', 30)
    const lock = lockAt(etcd.endpoint)
    await eventually(async () =>
      expect((await lock.inspect(name)).waiters).toMatchObject([{ owner: 'straight' }]),
    )
    expect(await adapter.getLock(first!.id)).toEqual(first)
    await client.deleteRelukko(first!.id)
    const second = await waiting
    expect(await client.getLock(second!.id)).toEqual(second)
    const third = client.acquireRelukko(name, 'over HTTP', 30)
    await adapter.deleteRelukko(second!.id)
    await client.deleteRelukko((await third)!.id)
    expect(await lock.inspect(name)).toMatchObject({ holders: [], waiters: [] })
    await Promise.all([client.close(), adapter.close(), lock.close()])
  }, 60_000)

  it('that cannot be started is named', async () => {
    const starting = EtcdContainer.start({ image: 'localhost:1/no-such-image', startTimeoutMs: 5_000 })
    await expect(starting).rejects.toThrow(/The container of localhost:1\/no-such-image could not be started/)
  }, 60_000)
})
