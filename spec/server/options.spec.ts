import { readFileSync } from 'node:fs'
import { expect, it } from '@jest/globals'
import { LockConfigError, LockError } from '../../lib/model/errors.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { useCertificates } from '../support/certificates.js'

const SECRET = 'a secret of the test'
const apiKeys = { robots: SECRET }
const files = useCertificates()

async function refusal(options: object): Promise<Error> {
  const store = new MemoryStore()
  return RelukkoServer.create({ store, apiKeys, ...options }).then(
    async server => {
      await server.close()
      throw new Error('It was not refused.')
    },
    (error: Error) => error,
  )
}

it.each<[string, object]>([
  ["unknown option 'apiKey'. Did you mean 'apiKeys'?", { apiKey: { robots: SECRET } }],
  ["the option 'apiKeys' must be an object with a name and a key for each", { apiKeys: undefined }],
  ["the option 'apiKeys' must be an object with a name and a key for each", { apiKeys: {} }],
  ["the option 'apiKeys' must be an object with a name and a key for each", { apiKeys: [SECRET] }],
  ["the option 'apiKeys' must be an object with a name and a key for each", { apiKeys: SECRET }],
  ["the key of 'robots' must be a text of ASCII that can be sent in a header", { apiKeys: { robots: '' } }],
  [
    "the key of 'robots' must be a text of ASCII that can be sent in a header",
    { apiKeys: { robots: `${SECRET}\n` } },
  ],
  ["the option 'signIn' must be a user and a password", { signIn: { user: 'me', password: '' } }],
  ["the option 'signIn' must be a user and a password", { signIn: { password: SECRET } }],
  ["the option 'signIn' must be a user and a password", { signIn: SECRET }],
  [
    "the option 'signIn' must be a user and a password",
    { signIn: { user: 'x'.repeat(1_025), password: SECRET } },
  ],
  ['the name of a key must be a non-empty text of at most 1024 bytes.', { apiKeys: { '': SECRET } }],
  ['the name of a key must be a non-empty text', { apiKeys: { ['x'.repeat(1_025)]: SECRET } }],
  ["the option 'tls' must be an object with 'cert' and 'key' in PEM", { tls: SECRET }],
  ["the option 'graceSeconds' must be an integer from 0 on, got -1.", { graceSeconds: -1 }],
  ["the option 'graceSeconds' must be an integer from 0 on, got 0.5.", { graceSeconds: 0.5 }],
  ["the option 'pingSeconds' must be a number of seconds over 0, got 0.", { pingSeconds: 0 }],
  ["the option 'trustedProxies' must be a list of addresses", { trustedProxies: ['everybody'] }],
  ["the option 'logger' must be a pino logger", { logger: console.log }],
  ["give 'config' or 'store', not both.", { config: {} }],
])('is refused by name, and no secret is told: %s', async (problem, options) => {
  const error = await refusal(options)
  expect(error).toBeInstanceOf(LockConfigError)
  expect(error.message).toContain(problem)
  expect(error.message).not.toContain(SECRET)
})

it.each([{ prefix: 'etcd' }, { prefix: 'a/b' }, { allowedPrefixes: ['..%'] }])(
  'refuses %j, which no lock may have',
  async options => {
    expect(await refusal(options)).toBeInstanceOf(LockError)
  },
)

it('refuses a certificate and a key that do not belong together', async () => {
  const { server, client } = files.get()
  const error = await refusal({ tls: { cert: readFileSync(server[0]), key: readFileSync(client[1]) } })
  expect(error).toBeInstanceOf(LockConfigError)
  expect(error.message).toMatch(/^RelukkoServer: the option 'tls': .*key values mismatch/)
})
