import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type Environment, environmentOf, proxyIn } from '../../lib/relukko/client/environment.js'
import { RelukkoClient, type RelukkoClientOptions } from '../../lib/relukko/index.js'
import { useCertificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { HttpProxy } from '../support/http-proxy.js'
import { HttpServer, json } from '../support/http-server.js'

const certificates = useCertificates()
const before = { ...process.env }
let clients: RelukkoClient[]
const make = (url: string, options: RelukkoClientOptions = {}): RelukkoClient => {
  const client = new RelukkoClient(url, 'a secret of the test', { tries: 1, ...options })
  clients.push(client)
  return client
}
const setTo = (variables: Environment): void => {
  for (const name of Object.keys(environmentOf(process.env))) delete process.env[name]
  Object.assign(process.env, variables)
}
beforeEach(() => {
  clients = []
  setTo({})
})
afterEach(async () => {
  await Promise.all(clients.map(client => client.close()))
  setTo(environmentOf(before))
})

describe('of a proxy in the environment, the client', () => {
  let proxy: HttpProxy
  let server: HttpServer
  const asked = (): string[] => [...proxy.asked.splice(0)]

  beforeEach(async () => {
    proxy = await HttpProxy.start()
    server = await HttpServer.start((request, response) =>
      json(response, request.method === 'GET' ? 200 : 409, []),
    )
  })
  afterEach(async () => {
    await Promise.all(clients.map(client => client.close()))
    await Promise.all([proxy.stop(), server.stop()])
  })

  it.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'])('goes through that of %s', async name => {
    setTo({ [name]: proxy.url })
    await make(server.url).getLocks()
    expect(asked()).toEqual([`GET ${server.url}/v1/locks/`])
    setTo({ [name]: new URL(proxy.url).host })
    await make(server.url).getLocks()
    expect(asked()).toHaveLength(1)
    setTo({ [name]: proxy.url, NO_PROXY: '127.0.0.0/8' })
    await make(server.url).getLocks()
    expect(asked()).toEqual([])
  })

  it.each(['HTTPS_PROXY', 'https_proxy'])('goes through that of %s to a server of https', async name => {
    const { ca, server: files } = certificates.get()
    const [cert, key] = files.map(file => readFileSync(file)) as [Buffer, Buffer]
    const secure = await HttpServer.start((_, response) => json(response, 200, []), { cert, key })
    setTo({ [name]: proxy.url, REQUESTS_CA_BUNDLE: ca })
    await make(secure.url).getLocks()
    expect(asked()).toEqual([`CONNECT ${new URL(secure.url).host}`])
    await make(server.url).getLocks()
    expect(asked()).toEqual([])
    await secure.stop()
  })

  it.each<[string, RelukkoClientOptions]>([
    ['trustEnv', { trustEnv: false }],
    ['proxy', { proxy: null }],
  ])('goes past it when %s says so', async (_, options) => {
    setTo({ HTTP_PROXY: 'http://127.0.0.1:1' })
    const client = make(server.url)
    await expect(client.getLocks()).rejects.toThrow('ECONNREFUSED')
    client.reconfigureRelukko({ options })
    expect(await client.getLocks()).toEqual([])
  })

  it('goes through the one that it is given', async () => {
    setTo({ http_proxy: 'http://127.0.0.1:1' })
    await make(server.url, { proxy: proxy.url }).getLocks()
    expect(asked()).toHaveLength(1)
  })

  it('opens no WebSocket past it', async () => {
    setTo({ HTTP_PROXY: proxy.url })
    const waiting = make(server.url, { acquireWaitForTimeout: 0.05 }).acquireRelukko('a lock', null, 60)
    waiting.catch(() => {})
    await eventually(() => expect(server.asked.length).toBeGreaterThan(3))
    expect(new Set(server.asked)).toEqual(new Set(['POST /v1/locks/']))
  })

  it.each(['user:s3cret', 's3cret', ':s3cret', 'a%40b:s3%3Acret'])('tells it who asks: %s', async who => {
    const seen: unknown[] = []
    const own = await HttpServer.start((request, response) => {
      seen.push(request.headers['proxy-authorization'])
      json(response, 200, [])
    })
    setTo({ HTTP_PROXY: own.url.replace('//', `//${who}@`) })
    await make('http://locks.example').getLocks()
    const [user, password = ''] = who.split(':').map(decodeURIComponent)
    expect(seen).toEqual([`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`])
    await own.stop()
  })

  it.each(['socks5://ada:s3cret@there', 'ada:s3cret%@there', 'http://'])(
    'is not made where the environment names %s, and tells no password',
    value => {
      setTo({ HTTPS_PROXY: value })
      const construct = (): unknown => make('https://locks.example')
      expect(construct).toThrow('HTTPS_PROXY in the environment must be the URL of a proxy, of http or https')
      expect(construct).not.toThrow('s3cret')
      make('https://locks.example', { trustEnv: false })
      make('http://locks.example')
    },
  )
})

describe('of authorities in the environment, the client', () => {
  let server: HttpServer
  beforeEach(async () => {
    const [cert, key] = certificates.get().server.map(file => readFileSync(file)) as [Buffer, Buffer]
    server = await HttpServer.start((_, response) => json(response, 200, []), { cert, key })
  })
  afterEach(async () => {
    await Promise.all(clients.map(client => client.close()))
    await server.stop()
  })

  it.each(['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'])(
    'trusts those of %s, unless it is told not to',
    async name => {
      const { ca, otherCa } = certificates.get()
      setTo({ [name]: ca })
      expect(await make(server.url).getLocks()).toEqual([])
      for (const options of [{ trustEnv: false }, { tls: { ca: otherCa } }]) {
        await expect(make(server.url, options).getLocks()).rejects.toThrow(/certificate|self-signed/)
      }
      setTo({ [name]: otherCa })
      await expect(make(server.url).getLocks()).rejects.toThrow(/certificate|self-signed/)
      expect(await make(server.url, { tls: { ca } }).getLocks()).toEqual([])
    },
  )

  it('counts REQUESTS_CA_BUNDLE before CURL_CA_BUNDLE, and what is empty not at all', async () => {
    const { ca, otherCa } = certificates.get()
    setTo({ REQUESTS_CA_BUNDLE: ca, CURL_CA_BUNDLE: otherCa })
    expect(await make(server.url).getLocks()).toEqual([])
    setTo({ REQUESTS_CA_BUNDLE: '', CURL_CA_BUNDLE: ca })
    expect(await make(server.url).getLocks()).toEqual([])
  })

  it('is not made for https with what is no such file, and does not care for http', () => {
    setTo({ REQUESTS_CA_BUNDLE: '/gone.pem' })
    expect(() => make(server.url)).toThrow(
      "'REQUESTS_CA_BUNDLE' must be in PEM, or a path that can be read (ENOENT)",
    )
    make(server.url, { trustEnv: false })
    make(server.url, { tls: { rejectUnauthorized: false } })
    make('http://locks.example')
  })

  it('is told of it when a redirect leads to https after all', async () => {
    setTo({ REQUESTS_CA_BUNDLE: '/gone.pem' })
    const plain = await HttpServer.start((_, response) =>
      response.writeHead(307, { location: server.url }).end(),
    )
    const failing = make(plain.url, { tries: 4, trustedOrigins: [server.url] }).getLocks()
    await expect(failing).rejects.toThrow("'REQUESTS_CA_BUNDLE'")
    expect(plain.asked).toHaveLength(1)
    await plain.stop()
  })
})

it.each<[string, string, boolean]>([
  ['http://locks.example', 'locks.example', false],
  ['http://locks.example', 'other,  LOCKS.example ', false],
  ['http://a.locks.example', 'locks.example', false],
  ['http://a.locks.example', '.locks.example', false],
  ['http://a.locks.example', '*.locks.example', false],
  ['http://badlocks.example', 'locks.example', true],
  ['http://locks.example', 'a.locks.example', true],
  ['http://locks.example:3000', 'locks.example:3000', false],
  ['http://locks.example:3000', 'locks.example:3001', true],
  ['http://locks.example', 'locks.example:80', false],
  ['https://locks.example', '*', false],
  ['http://10.1.2.3', '10.0.0.0/8', false],
  ['http://11.1.2.3', '10.0.0.0/8', true],
  ['http://10.1.2.3', '10.0.0.0/99', true],
  ['http://10.1.2.3', '10.1.2.3', false],
  ['http://10.1.2.3:3000', '10.1.2.3:3000', false],
  ['http://10.1.2.3', '2.3', true],
  ['http://[::1]:3000', '::1', false],
  ['http://[::1]:3000', '[::1]:3000', false],
  ['http://[fd00::1]', 'fd00::/8', false],
  ['http://[::1]', 'fd00::/8', true],
  ['http://locks.example', '.', true],
  ['http://locks.example', ' , ', true],
])('%s with NO_PROXY=%s: by a proxy is %s', (url, noProxy, isProxied) => {
  const proxies = { http_proxy: 'http://there', https_proxy: 'http://there' }
  for (const name of ['NO_PROXY', 'no_proxy']) {
    expect(proxyIn({ ...proxies, [name]: noProxy }, new URL(url)) !== undefined).toBe(isProxied)
  }
})

it.each<[string, Environment, string | undefined]>([
  ['lower case before upper case', { HTTP_PROXY: 'a', http_proxy: 'b' }, 'http_proxy'],
  ['what is empty as none', { HTTP_PROXY: 'a', http_proxy: '' }, undefined],
  ['that of the scheme before that of all', { ALL_PROXY: 'a', HTTP_PROXY: 'b' }, 'HTTP_PROXY'],
  ['that of another scheme not at all', { HTTPS_PROXY: 'a' }, undefined],
  ['none that a caller of a CGI script may have set', { HTTP_PROXY: 'a', REQUEST_METHOD: 'GET' }, undefined],
])('counts %s', (_, environment, variable) => {
  expect(proxyIn(environment, new URL('http://locks.example'))?.variable).toBe(variable)
})
