import { afterEach, describe, expect, it, jest } from '@jest/globals'
import { existsSync } from 'node:fs'
import { etcdForTests } from '../../lib/testing/index.js'

jest.setTimeout(60_000)

describe('etcdForTests', () => {
  const outside = process.env['SPICELOCK_ENDPOINTS']

  afterEach(() => {
    delete process.env['SPICELOCK_ENDPOINTS']
    if (outside !== undefined) process.env['SPICELOCK_ENDPOINTS'] = outside
  })

  it('uses the endpoints of the environment and starts nothing', async () => {
    process.env['SPICELOCK_ENDPOINTS'] = 'http://127.0.0.1:1, http://127.0.0.1:2,'
    const etcd = await etcdForTests()
    expect(etcd.endpoints).toEqual(['http://127.0.0.1:1', 'http://127.0.0.1:2'])
    expect(etcd.server).toBeUndefined()
    await etcd.stop()
  })

  it('starts a server of its own without them, and stops it', async () => {
    process.env['SPICELOCK_ENDPOINTS'] = ''
    const etcd = await etcdForTests()
    expect(etcd.endpoints).toEqual(etcd.server?.endpoints)
    await etcd.stop()
    expect(existsSync(etcd.server?.dataDir ?? '')).toBe(false)
  })
})
