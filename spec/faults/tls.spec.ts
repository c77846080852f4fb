import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { LockConfig } from '../../lib/index.js'
import { freePorts } from '../../lib/testing/free-port.js'
import { type Certificates, useCertificates, writeChain } from '../support/certificates.js'
import { runCommand } from '../support/command.js'
import { freshName, lockAt } from '../support/etcd.js'
import { EtcdProcess } from '../support/etcd-process.js'
import { logSpy } from '../support/log-spy.js'

const terms = { concurrency: 1, ttl: 60 }
const files = useCertificates()
let etcd: EtcdProcess
/** One that asks for a certificate of the client, too. */
let strict: EtcdProcess
let port: number
let strictPort: number

const start = async (clientPort: number, flags: readonly string[]): Promise<EtcdProcess> => {
  const { server } = files.get()
  const [peerPort] = await freePorts(1)
  const [client, peer] = [`https://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`]
  return EtcdProcess.start([
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    `--cert-file=${server[0]}`,
    `--key-file=${server[1]}`,
    ...flags,
  ])
}

beforeAll(async () => {
  ;[port, strictPort] = (await freePorts(2)) as [number, number]
  const { ca } = files.get()
  etcd = await start(port, [])
  strict = await start(strictPort, ['--client-cert-auth', `--trusted-ca-file=${ca}`])
}, 120_000)
afterAll(() => Promise.all([etcd.stop(), strict.stop()]))

/** The first line of what the file holds in PEM form. */
const bodyOf = (file: string): string => readFileSync(file, 'utf8').split('\n')[1]!.trim()

const url = (scheme: string, at: number): string => `${scheme}://127.0.0.1:${at}`

describe('etcd with TLS', () => {
  it.concurrent.each<[string, (of: Certificates) => LockConfig]>([
    ['an endpoint and its authority', of => ({ endpoints: [url('https', port)], ca_cert: of.ca })],
    ['host, port and authority', of => ({ host: '127.0.0.1', port, ca_cert: of.ca })],
    [
      'a certificate of its own, in one file',
      of => ({ endpoints: [url('https', strictPort)], ca_cert: of.ca, cert: of.clientBoth }),
    ],
    [
      'a certificate of its own, in two files',
      of => ({ host: '127.0.0.1', port: strictPort, protocol: 'https', ca_cert: of.ca, cert: of.client }),
    ],
  ])('serves a client with %s', async (_, config) => {
    await using lock = lockAt('', { config: config(files.get()) })
    const name = freshName()
    const id = await lock.acquire(name, terms)
    expect([...(await lock.get(name)).locks.keys()]).toEqual([id])
    await lock.release(name, id)
    expect((await lock.get(name)).locks.size).toBe(0)
  })

  it.concurrent.each<[string, (of: Certificates) => LockConfig, RegExp]>([
    ['without the authority', () => ({ endpoints: [url('https', port)] }), /certificate/],
    [
      'with another authority',
      of => ({ endpoints: [url('https', port)], ca_cert: of.otherCa, cert: of.client }),
      /certificate/,
    ],
    [
      'without the certificate that etcd asks for',
      of => ({ endpoints: [url('https', strictPort)], ca_cert: of.ca }),
      /cannot be reached/,
    ],
    ['without TLS', () => ({ endpoints: [url('http', port)] }), /cannot be reached/],
  ])(
    'refuses a client %s, in words and in seconds',
    async (_, config, message) => {
      const { log, lines } = logSpy()
      const secrets = { username: 'locker', password: 'hush-hush' }
      await using lock = lockAt('', {
        config: { ...config(files.get()), ...secrets, read_timeout: 2 },
        logger: log,
      })
      const name = freshName()
      const [error] = await Promise.all([
        lock.acquire(name, terms).catch((thrown: unknown) => thrown),
        lock.release(name, 'any'),
      ])
      expect(error).toMatchObject({ code: 'ETCD_UNAVAILABLE' })
      expect((error as Error).message).toMatch(message)
      expect(lines).toContainEqual(expect.objectContaining({ msg: 'Failed to release lock' }))
      const told = inspect([error, lines], { depth: Infinity, showHidden: true })
      expect(told).not.toContain(secrets.password)
      expect(told).not.toContain(bodyOf(files.get().client[1]))
    },
    15_000,
  )

  it.concurrent(
    'serves the command at an address, without a warning',
    async () => {
      const config = join(await mkdtemp(join(tmpdir(), 'spicelock-tls-')), 'etcd.yaml')
      const { ca, client } = files.get()
      await writeFile(
        config,
        JSON.stringify({ endpoints: [url('https', strictPort)], ca_cert: ca, cert: client }),
      )
      const { code, stderr } = await runCommand(['ls', '--config', config])
      expect(code).toBe(0)
      expect(stderr).not.toContain('Warning')
    },
    30_000,
  )

  it.concurrent(
    'refuses a server that nobody vouches for, whatever the environment says',
    async () => {
      const config = join(await mkdtemp(join(tmpdir(), 'spicelock-tls-')), 'etcd.yaml')
      await writeFile(config, JSON.stringify({ endpoints: [url('https', port)] }))
      const { code, stderr } = await runCommand(['ls', '--config', config], {
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
      })
      expect(code).not.toBe(0)
      expect(stderr).toMatch(/self-signed certificate|unable to verify/)
    },
    30_000,
  )

  it.concurrent(
    'refuses a server whose certificate is for another address',
    async () => {
      const chain = await writeChain(await mkdtemp(join(tmpdir(), 'spicelock-tls-')), '127.0.0.2')
      const [cert, key] = chain.server.map(file => readFileSync(file))
      const impostor = createServer({ cert, key }).listen(0, '127.0.0.1')
      await once(impostor, 'listening')
      const { port: its } = impostor.address() as AddressInfo
      const config = { endpoints: [url('https', its)], ca_cert: chain.ca, read_timeout: 2 }
      await using lock = lockAt('', { config })
      await expect(lock.acquire(freshName(), terms)).rejects.toThrow(/127\.0\.0\.1 is not in the cert's list/)
      impostor.close()
    },
    15_000,
  )
})
