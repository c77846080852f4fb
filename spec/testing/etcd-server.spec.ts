import { describe, expect, it, jest } from '@jest/globals'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { EtcdServer } from '../../lib/testing/index.js'
import { eventually } from '../support/eventually.js'
import { spawnTs } from '../support/run-ts.js'

jest.setTimeout(60_000)

async function call(server: EtcdServer, method: string, body: object, timeoutMs = 5000): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs)
  const response = await fetch(`${server.endpoint}/v3/${method}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal,
  })
  return response.json()
}

const key = Buffer.from('key').toString('base64')
const value = Buffer.from('value').toString('base64')
const put = (server: EtcdServer) => call(server, 'kv/put', { key, value })
const get = (server: EtcdServer, timeoutMs?: number) => call(server, 'kv/range', { key }, timeoutMs)

/** An etcd of somebody else's, as far as its answers tell. */
async function impostorAt(endpoint: string): Promise<AsyncDisposable & { readonly asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(String(request.url))
    response.end('{"header":{"member_id":"1"},"leader":"1","members":[{"ID":"1","name":"impostor"}]}')
  })
  await once(server.listen(Number(new URL(endpoint).port), '127.0.0.1'), 'listening')
  return {
    asked,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return
      server.close().closeAllConnections()
      await once(server, 'close')
    },
  }
}

function isRunning(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('EtcdServer', () => {
  it.concurrent('serves when start resolves', async () => {
    await using server = await EtcdServer.start()
    expect(server.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(server.endpoints).toEqual([server.endpoint])
    expect(server.version).toMatch(/^3\.\d+\.\d+/)
    expect(isRunning(server.pid)).toBe(true)
    await put(server)
    expect(await get(server)).toMatchObject({ kvs: [{ value }] })
    expect(server.log).toContain(server.endpoint)
  })

  it.concurrent('keeps two servers apart', async () => {
    await using one = await EtcdServer.start()
    await using two = await EtcdServer.start()
    expect(one.pid).not.toBe(two.pid)
    await put(one)
    expect(await get(one)).toMatchObject({ kvs: [{ value }] })
    expect(await get(two)).not.toHaveProperty('kvs')
  })

  it.concurrent('hangs while it is paused, and goes on after resume', async () => {
    await using server = await EtcdServer.start()
    await put(server)
    // Its threads stop one after the other, a moment after the signal: once it says so, none answers any more.
    for (let round = 0; round < 20; round++) {
      await server.pause()
      await expect(get(server, 50)).rejects.toThrow(/timeout/)
      await server.resume()
      await get(server)
    }
    await server.pause()
    await expect(get(server, 300)).rejects.toThrow(/timeout/)
    expect(isRunning(server.pid)).toBe(true)
    await server.resume()
    expect(await get(server)).toMatchObject({ kvs: [{ value }] })
  })

  it.concurrent('keeps its endpoint and its data over kill and restart', async () => {
    await using server = await EtcdServer.start()
    await put(server)
    const { pid, endpoint } = server
    await server.kill()
    expect(isRunning(pid)).toBe(false)
    expect(server.pid).toBeUndefined()
    await expect(get(server)).rejects.toThrow()
    await server.restart()
    expect(server.endpoint).toBe(endpoint)
    expect(server.pid).not.toBe(pid)
    expect(await get(server)).toMatchObject({ kvs: [{ value }] })
  })

  it.concurrent('restarts while it runs or is paused', async () => {
    await using server = await EtcdServer.start()
    await put(server)
    await server.pause()
    const { pid } = server
    await server.restart()
    expect(isRunning(pid)).toBe(false)
    expect(await get(server)).toMatchObject({ kvs: [{ value }] })
  })

  it.concurrent('restarts once its port is free again', async () => {
    await using server = await EtcdServer.start()
    await put(server)
    await server.kill()
    const impostor = await impostorAt(server.endpoint)
    const restarted = server.restart()
    let isRestarted = false
    void restarted.then(() => (isRestarted = true)).catch(() => {})
    await eventually(() => expect(server.log).toContain('address already in use'))
    expect(isRestarted).toBe(false)
    await impostor[Symbol.asyncDispose]()
    await restarted
    expect(await get(server)).toMatchObject({ kvs: [{ value }] })
  })

  it.concurrent('leaves neither process nor data after stop, which may be repeated', async () => {
    await using server = await EtcdServer.start()
    const { pid, dataDir } = server
    expect(await readdir(dataDir)).toContain('member')
    await Promise.all([server.stop(), server.stop()])
    await server.stop()
    expect(isRunning(pid)).toBe(false)
    expect(existsSync(dataDir)).toBe(false)
    await expect(server.restart()).rejects.toThrow(/was stopped: start a new one/)
  })

  it.concurrent('stops a paused and a killed server', async () => {
    await using paused = await EtcdServer.start()
    await using killed = await EtcdServer.start()
    const { pid } = paused
    await paused.pause()
    await killed.kill()
    await Promise.all([paused.stop(), killed.stop()])
    expect(isRunning(pid)).toBe(false)
    expect(existsSync(paused.dataDir) || existsSync(killed.dataDir)).toBe(false)
  })

  it.concurrent('stops at the end of an await using block', async () => {
    let dataDir: string
    {
      await using server = await EtcdServer.start()
      dataDir = server.dataDir
    }
    expect(existsSync(dataDir)).toBe(false)
  })

  it.concurrent('keeps a data directory that was given', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'spicelock-spec-'))
    try {
      await using first = await EtcdServer.start({ dataDir })
      await put(first)
      await first.stop()
      await using second = await EtcdServer.start({ dataDir })
      expect(await get(second)).toMatchObject({ kvs: [{ value }] })
      await second.stop()
      expect(existsSync(dataDir)).toBe(true)
    } finally {
      await rm(dataDir, { recursive: true })
    }
  })

  it.concurrent('throws the end of the log when etcd does not start', async () => {
    await expect(EtcdServer.start({ args: ['--no-such-flag'] })).rejects.toThrow(
      /ended before it served[^]*no-such-flag/,
    )
  })
})

describe('a process that does not stop its EtcdServer', () => {
  it.concurrent.each([
    ['is killed', 'wait', true],
    ['exits', 'exit', false],
    ['comes to its end', 'end', false],
    ['exits while etcd is paused', 'pause', false],
  ])('leaves neither etcd nor data when it %s', async (_, how, isKilled) => {
    const parent = await spawnTs('spec/testing/careless-parent.ts', [how])
    const [line] = (await once(createInterface(parent.stdout!), 'line')) as [string]
    const { pid, dataDir } = JSON.parse(line) as { pid: number; dataDir: string }
    if (isKilled) {
      expect(isRunning(pid)).toBe(true)
      expect(existsSync(dataDir)).toBe(true)
      parent.kill('SIGKILL')
    }
    if (parent.exitCode === null && parent.signalCode === null) await once(parent, 'exit')
    await eventually(() => {
      expect(isRunning(pid)).toBe(false)
      expect(existsSync(dataDir)).toBe(false)
    })
  })
})

// These have little time to start in, or change what all processes are given: each runs alone.
describe('EtcdServer, alone,', () => {
  it('does not take another etcd on its port for itself', async () => {
    const args: string[] = []
    await using server = await EtcdServer.start({ args, startTimeoutMs: 5_000 })
    await server.kill()
    await using impostor = await impostorAt(server.endpoint)
    // Its own etcd serves somewhere else, so that only the impostor answers for as long as it is asked.
    args.push('--listen-client-urls=http://127.0.0.1:0')
    await expect(server.restart()).rejects.toThrow(/a member 'impostor' answers, expected 'spicelock-/)
    expect(impostor.asked).toContain('/v3/cluster/member/list')
  })

  it('passes flags and variables on, but not the ETCD_ variables of this process', async () => {
    process.env['ETCD_MAX_TXN_OPS'] = 'nonsense'
    try {
      await using server = await EtcdServer.start({
        args: ['--max-request-bytes=100'],
        env: { ETCD_QUOTA_BACKEND_BYTES: '4444444' },
      })
      expect(await call(server, 'kv/put', { key, value: 'A'.repeat(1000) })).toMatchObject({
        message: expect.stringContaining('too large'),
      })
      expect(server.log).toContain('4444444')
    } finally {
      delete process.env['ETCD_MAX_TXN_OPS']
    }
  })

  it('throws when etcd does not serve in time', async () => {
    const args = ['--listen-client-urls=http://127.0.0.1:0']
    await expect(EtcdServer.start({ args, startTimeoutMs: 500 })).rejects.toThrow(
      /did not serve on .* in time \(.*REFUSED/,
    )
  })
})
