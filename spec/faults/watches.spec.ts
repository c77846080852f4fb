import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Etcd3 } from 'etcd3'
import type { KeyEvent, WatchedRange } from '../../lib/kv/key-value.js'
import type { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { EtcdServer } from '../../lib/testing/index.js'
import { freePorts } from '../../lib/testing/free-port.js'
import { EtcdProcess } from '../support/etcd-process.js'
import { eventually } from '../support/eventually.js'
import { freshName, storeAt, useEtcdServer } from '../support/etcd.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const etcd = useEtcdServer()
let proxy: TcpProxy
let direct: EtcdStore
let proxied: EtcdStore
let key: string
let seen: string[]

beforeEach(async () => {
  proxy = await TcpProxy.to(etcd.get().endpoint)
  direct = storeAt(etcd.get().endpoint)
  proxied = storeAt(proxy.endpoint)
  key = `/${freshName()}`
  seen = []
})
afterEach(async () => {
  await Promise.all([direct.close(), proxied.close()])
  await proxy.close()
})

const put = (value: string) =>
  direct.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
const tell = (event: KeyEvent): void => void seen.push(event.type === 'put' ? event.kv.value : 'deleted')
const watch = (store = proxied, ranges: WatchedRange | readonly WatchedRange[] = { key }) =>
  store.watch(ranges, {
    onEvents: events => events.forEach(tell),
    onGap: () => void seen.push('gap'),
    onEnd: error => void seen.push(`end: ${error.message}`),
  })

async function compact(revision: bigint, server = etcd.get()): Promise<void> {
  const client = new Etcd3({ hosts: server.endpoint })
  await client.kv.compact({ revision: String(revision), physical: true })
  client.close()
}

it('a watch of puts only is told of no deletes, nor of those while it was cut', async () => {
  const gone = () =>
    direct.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] }).then(() => undefined)
  await watch(proxied, { key, putsOnly: true }).ready
  await put('before')
  await gone()
  await eventually(() => expect(seen).toEqual(['before']))
  proxy.mute()
  await put('unheard')
  await gone()
  proxy.cut()
  await put('after')
  await eventually(() => expect(seen).toEqual(['before', 'unheard', 'after']))
})

it('a watch tells all that happened while it was cut, once', async () => {
  await watch().ready
  await put('before')
  await eventually(() => expect(seen).toEqual(['before']))
  proxy.mute()
  await put('unheard')
  await put('unheard too')
  proxy.cut()
  await eventually(() => expect(seen).toEqual(['before', 'unheard', 'unheard too']))
  await put('after')
  await eventually(() => expect(seen).toEqual(['before', 'unheard', 'unheard too', 'after']))
})

it.each([
  ['a watch', () => ({ key })],
  ['a watch of several ranges', () => [{ key }, { key: `${key}/never written` }]],
])('%s that was cut, and whose place in the history is compacted, says so and goes on', async (_, ranges) => {
  await watch(proxied, ranges()).ready
  await put('before')
  await eventually(() => expect(seen).toEqual(['before']))
  proxy.mute()
  await put('unheard')
  await compact((await put('unheard too')).revision)
  proxy.cut()
  await eventually(() => expect(seen).toContain('gap'))
  await put('after')
  // Each of several ranges may say so.
  const once = (): string[] => seen.filter((each, at) => each !== seen[at - 1])
  await eventually(() => expect(once()).toEqual(['before', 'gap', 'after']))
})

it('a watch of a key that nobody touches loses nothing to a compaction of what it has heard', async () => {
  await using server = await EtcdServer.start({
    args: ['--experimental-watch-progress-notify-interval', '100ms'],
  })
  proxy.redirect(server.endpoint)
  const store = storeAt(server.endpoint)
  await watch().ready
  const write = (to: string) =>
    store.commit({ compare: [], success: [{ type: 'put', key: to, value: to }], failure: [] })
  await write('another')
  const { revision } = await write('another')
  // Nothing tells that etcd has said how far it has told everything.
  await new Promise(resolve => setTimeout(resolve, 500))
  proxy.mute()
  await write(key)
  await compact(revision, server)
  proxy.cut()
  await eventually(() => expect(seen).toEqual([key]))
  await store.close()
})

it('a watch that is asked for after close is told so, also when the others were about to be opened again', async () => {
  await watch().ready
  proxy.refuse()
  const read = { type: 'range' as const, key }
  // What fails the call has failed the watches.
  await expect(proxied.commit({ compare: [], success: [read], failure: [] })).rejects.toMatchObject({
    reason: 'unreachable',
  })
  await proxied.close()
  await expect(watch().ready).rejects.toMatchObject({ reason: 'closed' })
  expect(seen).toEqual(Array(2).fill('end: The connection to etcd is closed.'))
})

it('a watch on an etcd whose history begins anew, says so and goes on', async () => {
  await watch().ready
  for (const value of ['a', 'b', 'c']) await put(value)
  await eventually(() => expect(seen).toEqual(['a', 'b', 'c']))
  await using other = await EtcdServer.start()
  proxy.redirect(other.endpoint)
  proxy.cut()
  await eventually(() => expect(seen).toEqual(['a', 'b', 'c', 'gap']))
  const restored = storeAt(other.endpoint)
  await restored.commit({ compare: [], success: [{ type: 'put', key, value: 'anew' }], failure: [] })
  await eventually(() => expect(seen).toEqual(['a', 'b', 'c', 'gap', 'anew']))
  await restored.close()
})

it('a watch on an etcd that has lost its data, and is known by the same id, says so and goes on', async () => {
  const [client, peer] = (await freePorts(2)).map(port => `http://127.0.0.1:${port}`) as [string, string]
  const alone = await EtcdProcess.start([
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ])
  const store = storeAt(client)
  const write = (value: string) =>
    store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
  try {
    await watch(store).ready
    for (const value of ['a', 'b', 'c']) await write(value)
    await eventually(() => expect(seen).toEqual(['a', 'b', 'c']))
    await alone.kill()
    await alone.wipe()
    await alone.restart()
    await eventually(() => expect(seen).toEqual(['a', 'b', 'c', 'gap']))
    await write('anew')
    await eventually(() => expect(seen).toEqual(['a', 'b', 'c', 'gap', 'anew']))
  } finally {
    await store.close()
    await alone.stop()
  }
}, 30_000)
