import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkServerIdentity, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { type ClientTls, RelukkoClient, type RelukkoClientOptions } from '../../lib/relukko/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { type Certificates, useCertificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { HttpProxy } from '../support/http-proxy.js'
import { freshName } from '../support/etcd.js'

const certificates = useCertificates()
const KEY = 'a secret of the test'
const text = (file: string): string => readFileSync(file, 'utf8')
const clients: RelukkoClient[] = []
const make = (url: string, options: RelukkoClientOptions): RelukkoClient => {
  const client = new RelukkoClient(url, KEY, { tries: 1, ...options })
  clients.push(client)
  return client
}
afterEach(() => Promise.all(clients.splice(0).map(client => client.close())))

describe('of TLS, the client', () => {
  let store: MemoryStore
  let server: RelukkoServer
  let url: string
  /** Of which the certificate of the server says nothing. */
  let otherName: string
  let folder: string
  let both: string

  beforeAll(async () => {
    const { ca, otherCa, junk, server: files } = certificates.get()
    const [cert, key] = files.map(file => readFileSync(file)) as [Buffer, Buffer]
    store = new MemoryStore()
    server = await RelukkoServer.create({ store, apiKeys: { test: KEY }, tls: { cert, key } })
    url = await server.listen({ port: 0 })
    otherName = url.replace('127.0.0.1', 'localhost')
    folder = await mkdtemp(join(tmpdir(), 'spicelock-client-tls-'))
    await mkdir(join(folder, 'authorities/below'), { recursive: true })
    await mkdir(join(folder, 'empty'))
    await Promise.all([
      cp(otherCa, join(folder, 'authorities/0e0e0e0e.0')),
      cp(ca, join(folder, 'authorities/1a2b3c4d.0')),
      cp(junk, join(folder, 'authorities/README')),
    ])
    both = join(folder, 'both.pem')
    await writeFile(both, `# two\n${text(otherCa)}\nand\n${text(ca)}`)
  })
  afterAll(async () => {
    await server.close()
    await store.close()
    await rm(folder, { recursive: true })
  })

  it.each<[string, (files: Certificates) => ClientTls['ca']]>([
    ['a path', ({ ca }) => ca],
    ['a text', ({ ca }) => text(ca)],
    ['bytes', ({ ca }) => readFileSync(ca)],
    ['bytes of DER', ({ der }) => readFileSync(der)],
    ['the path of DER', ({ der }) => der],
    ['a file of several', () => both],
    ['several', ({ ca, otherCa }) => [otherCa, text(ca)]],
    ['a folder', () => join(folder, 'authorities')],
  ])('trusts authorities of %s', async (_, given) => {
    expect(await make(url, { tls: { ca: given(certificates.get()) } }).getLocks()).toEqual([])
  })

  it.each<[string, (files: Certificates) => ClientTls, string]>([
    ['an authority that is garbage', () => ({ ca: 'garbage' }), `'tls.ca' must be in PEM, or a path`],
    ['the path of no file', ({ gone }) => ({ ca: gone }), 'gone.pem'],
    ['the path of garbage', ({ junk }) => ({ ca: junk }), `'tls.ca' ("`],
    [
      'bytes of garbage',
      () => ({ ca: Buffer.from('garbage') }),
      `'tls.ca' has a certificate that cannot be read`,
    ],
    ['no bytes', () => ({ ca: Buffer.of() }), `'tls.ca' has a certificate that cannot be read`],
    ['a folder without certificates', () => ({ ca: join(folder, 'empty') }), 'has no certificate in PEM'],
    ['PEM that is no certificate', ({ server }) => ({ ca: text(server[1]) }), `'tls.ca' has no certificate`],
    [
      'a broken certificate',
      ({ ca }) => ({ ca: text(ca).replace(/MI/, 'IM') }),
      `'tls.ca' has a certificate that`,
    ],
    ['one right and one wrong', ({ ca }) => ({ ca: [ca, 'garbage'] }), `'tls.ca'`],
    ['no authority', () => ({ ca: [] }), `'ca' must be`],
    ['a number', () => ({ ca: 7 as never }), `'ca' must be`],
    ['a certificate without key', ({ client }) => ({ cert: client[0] }), `'tls.key' is missing`],
    [
      'a key without certificate',
      ({ client }) => ({ key: client[1] }),
      `'tls.key' is given without 'tls.cert'`,
    ],
    [
      'the key of another',
      ({ client, server }) => ({ cert: client[0], key: server[1] }),
      `'tls.key' is not the key of`,
    ],
    [
      'a key that is garbage',
      ({ client, junk }) => ({ cert: client[0], key: junk }),
      `'tls.key' has no private key`,
    ],
    [
      'a key that is no path',
      ({ client }) => ({ cert: client[0], key: 'garbage' }),
      `'tls.key' must be in PEM, or a path`,
    ],
    [
      'a certificate that is garbage',
      ({ client, junk }) => ({ cert: junk, key: client[1] }),
      `'tls.cert' has no certificate`,
    ],
    [
      'no function',
      () => ({ checkServerIdentity: 'locks' as never }),
      `'checkServerIdentity' must be a function`,
    ],
    [
      'two ways to check a name',
      () => ({ checkHostname: false, checkServerIdentity: () => undefined }),
      `'tls.checkHostname' is false, so that`,
    ],
  ])('is not made with %s', (_, tls, message) => {
    for (const at of [url, 'http://127.0.0.1:1']) {
      const construct = (): unknown => make(at, { tls: tls(certificates.get()) })
      expect(construct).toThrow(message)
      expect(construct).toThrow(expect.objectContaining({ code: 'RELUKKO_INVALID' }))
      expect(construct).not.toThrow('garbage of a key')
    }
  })

  describe.each<[string, () => ClientTls]>([
    ['that is not checked', () => ({ ca: certificates.get().ca, checkHostname: false })],
    [
      'that is checked in another way',
      () => ({
        ca: certificates.get().ca,
        checkServerIdentity: (_, cert) => checkServerIdentity('127.0.0.1', cert),
      }),
    ],
  ])('of a host name %s', (_, tls) => {
    it('asks and waits by HTTP and WebSocket, and through a proxy', async () => {
      const client = make(otherName, { tls: tls() })
      const name = freshName()
      const lock = (await client.acquireRelukko(name, 'us', 0))!
      const waiting = client.acquireRelukko(name, 'us', 10)
      await eventually(() => expect(server.listeners).toBe(1))
      await client.deleteRelukko(lock.id)
      await client.deleteRelukko((await waiting)!.id)
      const proxy = await HttpProxy.start()
      const proxied = make(otherName, { tls: tls(), proxy: proxy.url })
      expect(await proxied.getLocks()).toEqual([])
      expect(proxy.asked).toEqual([`CONNECT ${new URL(otherName).host}`])
      await proxied.close()
      await proxy.stop()
    })

    it('does not trust another authority', async () => {
      const client = make(otherName, { tls: { ...tls(), ca: certificates.get().otherCa } })
      await expect(client.getLocks()).rejects.toThrow(/certificate|self-signed/)
    })
  })

  it('checks names when nothing else is said, and tells of one that is refused', async () => {
    const { ca } = certificates.get()
    await expect(make(otherName, { tls: { ca } }).getLocks()).rejects.toThrow(/localhost.*altnames/)
    const other = (): Error => new Error('not my server')
    await expect(make(url, { tls: { ca, checkServerIdentity: other } }).getLocks()).rejects.toThrow(
      'not my server',
    )
  })

  it('takes up files that are renewed, and goes on with the old ones when the new cannot be used', async () => {
    const { ca, otherCa } = certificates.get()
    const file = join(folder, 'renewed.pem')
    await cp(otherCa, file)
    const client = make(url, { tls: { ca: file } })
    await expect(client.getLocks()).rejects.toThrow(/certificate|self-signed/)
    await cp(ca, file)
    expect(await client.getLocks()).toEqual([])
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    await writeFile(file, 'half a certif')
    expect(await client.getLocks()).toEqual([])
    await rm(file)
    expect(await client.getLocks()).toEqual([])
    expect(await client.getLocks()).toEqual([])
    const warnings = warn.mock.calls
    warn.mockRestore()
    expect(warnings).toEqual([
      [expect.stringMatching(/'tls.ca' .*renewed.pem.*used on/), { code: 'SPICELOCK_TLS_FILES' }],
      [expect.stringMatching(/'tls.ca' .*ENOENT.*used on/), { code: 'SPICELOCK_TLS_FILES' }],
    ])
    await cp(otherCa, file)
    await expect(client.getLocks()).rejects.toThrow(/certificate|self-signed/)
  })
})

it.each<[string, (files: Certificates) => ClientTls]>([
  ['of two files', ({ client: [cert, key] }) => ({ cert, key })],
  ['of one file', ({ clientBoth }) => ({ cert: clientBoth })],
  ['of texts', ({ client: [cert, key] }) => ({ cert: text(cert), key: Buffer.from(text(key)) })],
])('shows its certificate %s, but not to a proxy', async (_, own) => {
  const files = certificates.get()
  const { ca, server: its } = files
  const [cert, key] = its.map(file => readFileSync(file)) as [Buffer, Buffer]
  const server = createServer(
    { cert, key, ca: readFileSync(ca), requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      response.end(subject.CN === 'client' ? '[]' : '{}')
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await make(url, { tls: { ca, ...own(files) } }).getLocks()).toEqual([])
  await expect(make(url, { tls: { ca } }).getLocks()).rejects.toMatchObject({ code: 'RELUKKO_SERVER' })
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})
