import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { EtcdContainer } from '../../lib/testing/index.js'
import { storeContract } from '../contracts/store-contract.js'
import { etcdImage, hasContainerEngine } from '../support/container-engine.js'
import { freshName, lockAt, storeAt } from '../support/etcd.js'

const hasEngine = await hasContainerEngine()
if (!hasEngine) process.stderr.write('The tests with containers are skipped: there is no container engine.\n')

;(hasEngine ? describe : describe.skip)('An etcd in a container', () => {
  let etcd: EtcdContainer

  beforeAll(async () => {
    // Its helper container, which would have to be pulled, is of no use: every container is stopped below.
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
    etcd = await EtcdContainer.start({ image: await etcdImage() })
  }, 120_000)
  afterAll(() => etcd.stop())

  storeContract(() => Promise.resolve(storeAt(etcd.endpoint)))

  it('serves locks', async () => {
    const lock = lockAt(etcd.endpoint)
    const name = freshName()
    await lock.acquired(name, { concurrency: 1, ttl: 10 }, async held => {
      await held.verify()
      expect((await lock.inspect(name)).holders).toHaveLength(1)
    })
    await lock.close()
  })

  it('that cannot be started is named', async () => {
    const starting = EtcdContainer.start({ image: 'localhost:1/no-such-image', startTimeoutMs: 5_000 })
    await expect(starting).rejects.toThrow(/The container of localhost:1\/no-such-image could not be started/)
  }, 60_000)
})
