import { expect, it } from '@jest/globals'
import { EtcdStore } from '../../../lib/store/etcd/etcd-store.js'

it('A watch of several ranges on a closed store ends, as one of a single range does', async () => {
  const store = new EtcdStore({ endpoints: ['http://127.0.0.1:1'], callTimeoutMs: 1_000, failover: false })
  await store.close()
  const ended: string[] = []
  const listener = {
    onEvents: () => {},
    onGap: () => {},
    onEnd: (error: Error) => void ended.push(error.message),
  }
  const ranges = [{ key: 'a' }, { key: 'b' }]
  for (const watched of [ranges[0]!, ranges])
    await expect(store.watch(watched, listener).ready).rejects.toMatchObject({ reason: 'closed' })
  expect(ended).toStrictEqual([expect.stringContaining('closed'), expect.stringContaining('closed')])
})
