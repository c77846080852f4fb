import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { freePorts } from '../../lib/testing/free-port.js'
import { type Chain, writeChain } from '../support/certificates.js'
import { freshName, lockAt } from '../support/etcd.js'
import { EtcdProcess } from '../support/etcd-process.js'
import { eventually } from '../support/eventually.js'
import { logSpy, type LogLine } from '../support/log-spy.js'

const terms = { concurrency: 1, ttl: 60 }
let folder: string
let files: Chain
let etcd: EtcdProcess
let endpoint: string
let lock: Lock
let lines: LogLine[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spicelock-renewal-'))
  files = await writeChain(folder)
  const [client, peer] = (await freePorts(2)).map(port => `127.0.0.1:${port}`)
  endpoint = `https://${client}`
  etcd = await EtcdProcess.start([
    `--listen-client-urls=${endpoint}`,
    `--advertise-client-urls=${endpoint}`,
    `--listen-peer-urls=http://${peer}`,
    `--initial-advertise-peer-urls=http://${peer}`,
    `--initial-cluster=default=http://${peer}`,
    `--cert-file=${files.server[0]}`,
    `--key-file=${files.server[1]}`,
    `--trusted-ca-file=${files.ca}`,
    '--client-cert-auth',
  ])
}, 120_000)
afterAll(async () => {
  await etcd.stop()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  const spy = logSpy()
  lines = spy.lines
  const config = { endpoints: [endpoint], ca_cert: files.ca, cert: files.client }
  lock = lockAt('', { config, logger: spy.log })
})
afterEach(() => lock.close())

/** Cuts all connections; new ones need what the files hold now, on both sides. */
const restart = async (): Promise<void> => {
  await etcd.kill()
  await etcd.restart()
}
const warnings = (): string[] => lines.filter(line => line.level === 'warn').map(line => line.msg)

it('a holder and an idle process connect with the certificates and the authority of the day', async () => {
  const [name, other] = [freshName(), freshName()]
  await using idle = lockAt('', { config: { endpoints: [endpoint], ca_cert: files.ca, cert: files.client } })
  await idle.get(other)
  const held = await lock.hold(name, { ...terms, keepAlive: true })
  await writeChain(folder)
  await restart()
  await lock.release(other, await lock.acquire(other, terms))
  await held.verify()
  expect((await idle.get(name)).locks.size).toBe(1)
  await held.release()
  expect(warnings()).toEqual([])
}, 40_000)

it('files that do not fit are told once, the last good ones stay in use, and the next are taken', async () => {
  const name = freshName()
  await lock.get(name)
  const [cert, key] = files.client
  await copyFile(key, `${key}.good`)
  await writeFile(key, 'half a ke')
  for (let times = 0; times < 2; times++) {
    await restart()
    await eventually(() => lock.get(name))
  }
  await rm(cert)
  await restart()
  await lock.get(name)
  await writeChain(folder)
  await restart()
  await lock.get(name)
  expect(warnings()).toEqual([
    expect.stringMatching(`'cert': the file ${key} must hold a private key .*stay in use`),
    expect.stringMatching(`Unable to read the file ${cert} .*stay in use`),
  ])
}, 60_000)
