import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { TlsOptions } from '../../lib/server/http/http.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { useCertificates, writeChain } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { logSpy } from '../support/log-spy.js'

const certificates = useCertificates()
const store = new MemoryStore()
let server: RelukkoServer
let url: string

beforeAll(async () => {
  const { ca, server: files } = certificates.get()
  const [cert, key] = files.map(file => readFileSync(file)) as [Buffer, Buffer]
  const tls = { cert, key, clientCa: readFileSync(ca) }
  server = await RelukkoServer.create({ store, apiKeys: { test: 'secret' }, tls })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  await server.close()
  await store.close()
})

function status(options: object, of = url): Promise<number | undefined> {
  const { ca } = certificates.get()
  return new Promise((resolve, reject) => {
    get(`${of}/healthchecker`, { ca: readFileSync(ca), agent: false, ...options }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    }).on('error', reject)
  })
}

it('serves those whose certificate is signed by the authority of clients', async () => {
  const [cert, key] = certificates.get().client.map(file => readFileSync(file))
  expect(url).toMatch(/^https:/)
  expect(await status({ cert, key })).toBe(200)
})

it('serves nobody else', async () => {
  await expect(status({})).rejects.toThrow()
})

it('shows who connects the certificate of the day, and keeps it when the next is of no use', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spicelock-server-tls-'))
  const read = async (): Promise<TlsOptions> => {
    const [cert, key] = (await writeChain(folder)).server.map(file => readFileSync(file)) as [Buffer, Buffer]
    return { cert, key }
  }
  const { log, lines } = logSpy()
  let tls = await read()
  const renewing = await RelukkoServer.create({
    store,
    apiKeys: { test: 'secret' },
    tls: () => tls,
    logger: log,
  })
  const its = await renewing.listen({ port: 0 })
  const trusted = (): Promise<number | undefined> => status({ ca: readFileSync(join(folder, 'ca.pem')) }, its)
  expect(await trusted()).toBe(200)
  tls = await read()
  await eventually(async () => expect(await trusted()).toBe(200))
  tls = { cert: Buffer.from('junk'), key: Buffer.from('junk') }
  await eventually(async () => {
    expect(await trusted()).toBe(200)
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn' }))
  })
  expect(await trusted()).toBe(200)
  await renewing.close()
  await rm(folder, { recursive: true })
}, 20_000)
