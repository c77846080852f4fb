import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { resolveEndpoints } from '../../../lib/config/etcd-options.js'
import type { LockConfig } from '../../../lib/config/schema.js'
import { LockConfigError } from '../../../lib/model/errors.js'
import { type Certificates, useCertificates } from '../../support/certificates.js'

const files = useCertificates()
const text = (file: string): string => readFileSync(file, 'utf8')
const texts = (tls: object | undefined): unknown =>
  tls && Object.fromEntries(Object.entries(tls).map(([field, pem]) => [field, String(pem)]))

describe('resolveEndpoints with certificates', () => {
  it('reads certificate and key from two files', async () => {
    const { ca, client } = files.get()
    const { tls, endpoints } = await resolveEndpoints({ ca_cert: ca, cert: client })
    expect(texts(tls?.())).toEqual({ ca: text(ca), cert: text(client[0]), key: text(client[1]) })
    expect(endpoints).toEqual(['https://127.0.0.1:2379'])
  })

  it('reads certificate and key from one file, and needs no authority', async () => {
    const { clientBoth } = files.get()
    const { tls, endpoints } = await resolveEndpoints({ cert: clientBoth })
    expect(texts(tls?.())).toEqual({ cert: text(clientBoth), key: text(clientBoth) })
    expect(endpoints).toEqual(['https://127.0.0.1:2379'])
  })

  it('needs no certificate for https, and has none for http', async () => {
    expect((await resolveEndpoints({ protocol: 'https' })).tls?.()).toEqual({})
    expect((await resolveEndpoints({ endpoints: ['https://a:1'] })).tls?.()).toEqual({})
    expect(await resolveEndpoints({ protocol: 'http' })).not.toHaveProperty('tls')
  })

  const missing = ({ gone }: Certificates, option: string): string =>
    `Unable to read the file ${gone} of the option '${option}': ENOENT`
  const junk = (file: string, option: string, what: string): string =>
    `Option '${option}': the file ${file} must hold ${what} in PEM form.`

  type Example = (of: Certificates) => [config: LockConfig, message: string]

  it.each<[string, Example]>([
    ['authority is missing', of => [{ ca_cert: of.gone }, missing(of, 'ca_cert')]],
    ['certificate is missing', of => [{ cert: of.gone }, missing(of, 'cert')]],
    ['key is missing', of => [{ cert: [of.client[0], of.gone] }, missing(of, 'cert')]],
    ['authority is junk', of => [{ ca_cert: of.junk }, junk(of.junk, 'ca_cert', 'a certificate')]],
    ['authority is not in PEM form', of => [{ ca_cert: of.der }, junk(of.der, 'ca_cert', 'a certificate')]],
    [
      'certificate is not in PEM form',
      of => [{ cert: [of.der, of.client[1]] }, junk(of.der, 'cert', 'a certificate')],
    ],
    [
      'certificate is junk',
      of => [{ cert: [of.junk, of.client[1]] }, junk(of.junk, 'cert', 'a certificate')],
    ],
    [
      'key is junk',
      of => [{ cert: [of.client[0], of.junk] }, junk(of.junk, 'cert', 'a private key without passphrase')],
    ],
    [
      'key is another',
      of => [
        { cert: [of.client[0], of.server[1]] },
        `Option 'cert': the key in ${of.server[1]} is not that of the certificate in ${of.client[0]}.`,
      ],
    ],
  ])('names the option and the file when the %s', async (_, example) => {
    const [config, message] = example(files.get())
    const error = (await resolveEndpoints(config).catch((thrown: unknown) => thrown)) as Error
    expect(error).toBeInstanceOf(LockConfigError)
    expect(error.message).toContain(message)
    expect(error.message).not.toMatch(/secret|BEGIN/)
  })
})
