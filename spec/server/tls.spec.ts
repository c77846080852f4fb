import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { useCertificates } from '../support/certificates.js'

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

function status(options: object): Promise<number | undefined> {
  const { ca } = certificates.get()
  return new Promise((resolve, reject) => {
    get(`${url}/healthchecker`, { ca: readFileSync(ca), agent: false, ...options }, answer => {
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
