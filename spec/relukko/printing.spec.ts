import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { expect, it } from '@jest/globals'
import { RelukkoAdapter, RelukkoClient } from '../../lib/relukko/index.js'
import { useCertificates } from '../support/certificates.js'
import { HttpServer, json } from '../support/http-server.js'

const certificates = useCertificates()
const SECRET = 's3cret'

const printed = (value: unknown): string[] => [
  JSON.stringify({ value }),
  inspect(value),
  inspect({ value }, { depth: 4 }),
  String(value),
]

it('prints a client without anything secret, and its errors, too', async () => {
  const [cert, key] = certificates.get().client
  const options = {
    tries: 1,
    tls: { cert, key: readFileSync(key, 'utf8') },
    headers: { authorization: SECRET },
  }
  const server = await HttpServer.start((_, response) => json(response, 503, { message: 'down' }))
  const client = new RelukkoClient(server.url, SECRET, options)
  const proxied = new RelukkoClient(server.url, SECRET, {
    ...options,
    proxy: `http://ada:${SECRET}@127.0.0.1:1`,
  })
  const errors = await Promise.all(
    [client.getLocks(), proxied.getLocks()].map(call => call.catch((e: unknown) => e)),
  )
  expect(errors).toMatchObject([{ status: 503 }, { code: 'RELUKKO_SERVER' }])
  for (const text of [client, proxied, ...errors].flatMap(printed)) {
    expect(text).not.toContain(SECRET)
    expect(text).not.toContain('PRIVATE')
    expect(text).not.toContain(Buffer.from(`ada:${SECRET}`).toString('base64'))
  }
  expect(inspect(client)).toBe(`RelukkoClient { baseUrl: '${server.url}' }`)
  expect(JSON.stringify(client)).toBe(JSON.stringify({ baseUrl: server.url }))
  await Promise.all([client.close(), proxied.close()])
  await server.stop()
})

it('prints an adapter without the password of etcd', () => {
  const adapter = new RelukkoAdapter({ config: { username: 'ada', password: SECRET } })
  for (const text of printed(adapter)) expect(text).not.toContain(SECRET)
  expect(inspect(adapter)).toBe("RelukkoAdapter { prefix: 'custom' }")
})
