import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { generate } from 'selfsigned'

const curve = { keyType: 'ec', algorithm: 'sha256' } as const

/** Files: a chain, another authority, and what is no use. */
export interface Certificates extends Chain {
  readonly otherCa: string
  /** Certificate and key of the client in one file. */
  readonly clientBoth: string
  /** The authority, but not in PEM form. */
  readonly der: string
  readonly junk: string
  readonly gone: string
}

/** What {@link writeChain} writes, in PEM form. */
export interface Chain {
  readonly ca: string
  readonly server: readonly [cert: string, key: string]
  readonly client: readonly [cert: string, key: string]
}

/** Writes an authority and what it has signed for a server at `address` and a client, over what the folder holds. */
export async function writeChain(folder: string, address = '127.0.0.1'): Promise<Chain> {
  const authority = await makeAuthority('good authority')
  const signed = { ...curve, ca: { key: authority.private, cert: authority.cert } }
  const server = await generate([{ name: 'commonName', value: 'etcd' }], {
    ...signed,
    extensions: [
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: address }] },
    ],
  })
  const client = await generate([{ name: 'commonName', value: 'client' }], {
    ...signed,
    extensions: [{ name: 'extKeyUsage', clientAuth: true }],
  })
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  return {
    ca: await write('ca.pem', authority.cert),
    server: [await write('server.pem', server.cert), await write('server-key.pem', server.private)],
    client: [await write('client.pem', client.cert), await write('client-key.pem', client.private)],
  }
}

function makeAuthority(commonName: string): ReturnType<typeof generate> {
  return generate([{ name: 'commonName', value: commonName }], {
    ...curve,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'keyUsage', keyCertSign: true },
    ],
  })
}

/** For all tests of a file. */
export function useCertificates(): { get: () => Certificates } {
  let folder: string
  const at = (name: string): string => join(folder, name)
  const write = async (name: string, content: string | Buffer): Promise<string> => {
    await writeFile(at(name), content)
    return at(name)
  }
  let certificates: Certificates

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spicelock-certificates-'))
    const [chain, otherCa] = await Promise.all([writeChain(folder), makeAuthority('other authority')])
    const [cert, key] = await Promise.all(chain.client.map(file => readFile(file, 'utf8')))
    certificates = {
      ...chain,
      otherCa: await write('other-ca.pem', otherCa.cert),
      clientBoth: await write('client-both.pem', `${cert}\n${key}`),
      der: await write('ca.der', new X509Certificate(await readFile(chain.ca, 'utf8')).raw),
      junk: await write('junk.pem', 'secret junk'),
      gone: at('gone.pem'),
    }
  })
  afterAll(() => rm(folder, { recursive: true }))
  return { get: () => certificates }
}
