import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { RelukkoServer } from '../lib/server/index.js'
import { MemoryStore } from '../lib/store/memory/memory-store.js'
import { freePorts } from '../lib/testing/free-port.js'
import { root } from './support/bundle.js'
import { freshName } from './support/etcd.js'
import { eventually } from './support/eventually.js'

const HAPROXY = '/usr/sbin/haproxy'
const hasHaproxy = existsSync(HAPROXY) || process.env['CI'] === 'true'
if (!hasHaproxy) process.stderr.write(`The test of the load balancer is skipped: there is no ${HAPROXY}.\n`)

const KEY = 'a secret of the test'
const store = new MemoryStore()
const servers: RelukkoServer[] = []
let balancer: ChildProcess
let folder: string
let url: string
let direct: string

;(hasHaproxy ? describe : describe.skip)('Behind the load balancer', () => {
  beforeAll(async () => {
    const names = ['server1', 'server2']
    let config = await readFile(join(root, 'docker/haproxy.cfg'), 'utf8')
    for (const name of names) {
      const server = await RelukkoServer.create({
        store,
        apiKeys: { test: KEY },
        trustedProxies: ['127.0.0.1'],
      })
      servers.push(server)
      direct = await server.listen({ port: 0 })
      config = config.replace(`${name}:3000`, new URL(direct).host)
    }
    const [port] = await freePorts(1)
    url = `http://127.0.0.1:${port}`
    folder = await mkdtemp(join(tmpdir(), 'spicelock-balancer-'))
    const file = join(folder, 'haproxy.cfg')
    // There is no resolver but that of an engine of containers.
    await writeFile(
      file,
      config
        .replace('bind :3000', `bind 127.0.0.1:${port}`)
        .replace(/resolvers docker\n.*\n/, '')
        .replace(' resolvers docker init-addr libc,none', ''),
    )
    balancer = spawn(HAPROXY, ['-db', '-f', file], { stdio: 'inherit' })
    await eventually(async () => expect((await fetch(`${url}/healthchecker`)).status).toBe(200), 10_000)
  }, 30_000)
  afterAll(async () => {
    const ended = new Promise(resolve => balancer.once('exit', resolve))
    balancer.kill()
    await ended
    await Promise.all(servers.map(server => server.close()))
    await store.close()
    await rm(folder, { recursive: true })
  })

  const ask = async (method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> =>
    fetch(path.startsWith('http') ? path : url + path, {
      method,
      headers: { 'x-api-key': KEY, 'content-type': 'application/json', 'x-forwarded-for': '10.0.0.1' },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    })
  const take = async (lock_name: string): Promise<{ id: string; ip: string }> =>
    (await (await ask('POST', '/v1/locks/', { lock_name })).json()) as { id: string; ip: string }

  it('a client has its own address, whatever it says', async () => {
    expect((await take(freshName())).ip).toBe('127.0.0.1')
  })

  it('a client that is gone waits no more, and gets nothing', async () => {
    const lock_name = freshName()
    const waiters = async (): Promise<number> => {
      const state = (await (await ask('GET', `${direct}/v2/locks/custom/${lock_name}`)).json()) as {
        waiters: unknown[]
      }
      return state.waiters.length
    }
    await take(lock_name)
    const gone = new AbortController()
    const waiting = ask('POST', '/v1/locks/?wait=60', { lock_name }, gone.signal).catch(() => 'gone')
    await eventually(async () => expect(await waiters()).toBe(1))
    gone.abort()
    expect(await waiting).toBe('gone')
    await eventually(async () => expect(await waiters()).toBe(0))
  })

  it('a WebSocket hears what was done through whatever server', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/broadcast`, {
      headers: { 'x-api-key': KEY },
    })
    const frames: string[] = []
    socket.on('message', (data: Buffer) => frames.push(data.toString()))
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
    const names = [freshName(), freshName(), freshName()]
    for (const name of names) await take(name)
    await eventually(() => expect(frames).toHaveLength(names.length))
    socket.terminate()
  })
})
