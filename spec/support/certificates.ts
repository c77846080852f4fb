import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { generate } from 'selfsigned'

const curve = { keyType: 'ec', algorithm: 'sha256' } as const

/** Files in PEM form: an authority, another, and what the first has signed for server and client. */
export interface Certificates {
  readonly ca: string
  readonly otherCa: string
  readonly server: readonly [cert: string, key: string]
  readonly client: readonly [cert: string, key: string]
  /** Certificate and key of the client in one file. */
  readonly clientBoth: string
  /** The authority, but not in PEM form. */
  readonly der: string
  readonly junk: string
  readonly gone: string
}

/** For all tests of a file. */
export function useCertificates(): { get: () => Certificates } {
  let folder: string
  const at = (name: string): string => join(folder, name)
  const write = async (name: string, content: string | Buffer): Promise<string> => {
    await writeFile(at(name), content)
    return at(name)
  }
  const authority = (commonName: string): ReturnType<typeof generate> =>
    generate([{ name: 'commonName', value: commonName }], {
      ...curve,
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'keyUsage', keyCertSign: true },
      ],
    })
  let certificates: Certificates

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spicelock-certificates-'))
    const [ca, otherCa] = await Promise.all([authority('good authority'), authority('other authority')])
    const signed = { ...curve, ca: { key: ca.private, cert: ca.cert } }
    const server = await generate([{ name: 'commonName', value: 'etcd' }], {
      ...signed,
      extensions: [
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
      ],
    })
    const client = await generate([{ name: 'commonName', value: 'client' }], {
      ...signed,
      extensions: [{ name: 'extKeyUsage', clientAuth: true }],
    })
    certificates = {
      ca: await write('ca.pem', ca.cert),
      otherCa: await write('other-ca.pem', otherCa.cert),
      server: [await write('server.pem', server.cert), await write('server-key.pem', server.private)],
      client: [await write('client.pem', client.cert), await write('client-key.pem', client.private)],
      clientBoth: await write('client-both.pem', client.cert + '\n' + client.private),
      der: await write('ca.der', new X509Certificate(ca.cert).raw),
      junk: await write('junk.pem', 'secret junk'),
      gone: at('gone.pem'),
    }
  })
  afterAll(() => rm(folder, { recursive: true }))
  return { get: () => certificates }
}
