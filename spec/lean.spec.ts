import { expect, it } from '@jest/globals'
import { useEtcdServer } from './support/etcd.js'
import { runScript } from './support/run-script.js'

const etcd = useEtcdServer()

/** What a program has loaded of etcd3 and of what etcd3 needs, when it has taken a lock and etcd has said which version it is. */
async function loadedBy(user: object): Promise<string> {
  const config = JSON.stringify({ endpoints: etcd.get().endpoints, ...user })
  const program = `
    import { createRequire } from 'node:module'
    import { RelukkoServer } from 'spicelock/server'
    import { Lock } from 'spicelock'
    const config = ${config}
    const inspected = async () => {
      const metrics = await (await fetch(config.endpoints[0] + '/metrics')).text()
      return Number(/grpc_code="OK",grpc_method="MemberList".* (\\d+)$/m.exec(metrics)?.[1])
    }
    const before = await inspected()
    const lock = new Lock({ config, prefix: 'custom', owner: 'me', dryRun: false })
    await lock.acquired('lean', { concurrency: 1, ttl: 60 }, () => {})
    const server = await RelukkoServer.create({ config, apiKeys: { test: 'key' } })
    const url = await server.listen({ port: 0 })
    const answer = await fetch(url + '/v1/locks', { headers: { 'x-api-key': 'key' } })
    while (await inspected() < before + 2) await new Promise(setImmediate)
    const cache = Object.keys(createRequire(import.meta.url).cache)
    const found = cache.map(path => /node_modules.(etcd3|@grpc|protobufjs)/.exec(path)?.[1])
    console.log(answer.status, [...new Set(found)].filter(name => name).sort().join())
    await server.close()
    await lock.close()`
  const { stdout, stderr } = await runScript(['--input-type=module', '-e', program])
  expect(stderr).toBe('')
  return stdout.trim()
}

it('What needs no user loads neither etcd3 nor grpc-js: they take 20 MB and a tenth of a second', async () => {
  expect(await loadedBy({})).toBe('200')
})

it('What signs in loads them', async () => {
  expect(await loadedBy({ username: 'root', password: 'secret' })).toBe('200 @grpc,etcd3,protobufjs')
})
