import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { LockConfigError } from '../model/errors.js'
import type { Certificates } from '../store/etcd/options.js'
import { LastGood } from './last-good.js'
import type { LockConfig } from './schema.js'

/** Where a file was named. */
export interface NamedFile {
  readonly option: string
  readonly file: string
}

/** X509Certificate reads DER from bytes, too, which TLS would pass over in silence. */
const certificateIn = (pem: Buffer): X509Certificate => new X509Certificate(pem.toString())

/** What is in the files of an etcd's client. @throws LockConfigError */
export function readCertificates({ ca_cert, cert: own }: LockConfig): Certificates {
  const ca = ca_cert === undefined ? undefined : readAuthority({ option: 'ca_cert', file: ca_cert })
  const [cert, key] = typeof own === 'string' ? [own, own] : (own ?? [])
  const named = (file: string): NamedFile => ({ option: 'cert', file })
  return {
    ...(ca && { ca }),
    ...(cert !== undefined && key !== undefined && readIdentity(named(cert), named(key))),
  }
}

/**
 * Reads the files now, and at each call of what it returns: they may have been renewed. It returns the same object until
 * something has changed. Files that cannot be used are told of once, and what was read last stays in use.
 * @throws what `read` throws now.
 */
export function renewed<T extends object>(read: () => T, warn: (message: string) => void): () => T {
  let current = read()
  const good = new LastGood(current, 'certificates', warn)
  return () => {
    try {
      const found = good.take(read())
      if (!isDeepStrictEqual(found, current)) current = found
    } catch (error) {
      good.fallBack(error)
    }
    return current
  }
}

/** @throws LockConfigError naming the option and the file. */
export function readAuthority(file: NamedFile): Buffer {
  const pem = read(file)
  parse(pem, file, 'a certificate', certificateIn)
  return pem
}

/**
 * A certificate and its key, checked here: of broken ones, a connection would only say that it fails.
 * @throws LockConfigError naming the option and the file; never what is in it.
 */
export function readIdentity(certFile: NamedFile, keyFile: NamedFile): { cert: Buffer; key: Buffer } {
  const [cert, key] = [read(certFile), read(keyFile)]
  const certificate = parse(cert, certFile, 'a certificate', certificateIn)
  const privateKey = parse(key, keyFile, 'a private key without passphrase', createPrivateKey)
  if (certificate.checkPrivateKey(privateKey)) return { cert, key }
  throw new LockConfigError(
    `Option '${keyFile.option}': the key in ${keyFile.file} is not that of the certificate in ${certFile.file}.`,
  )
}

function read({ option, file }: NamedFile): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const why = (cause as Error).message
    throw new LockConfigError(`Unable to read the file ${file} of the option '${option}': ${why}.`, { cause })
  }
}

function parse<T>(pem: Buffer, { option, file }: NamedFile, expected: string, parser: (pem: Buffer) => T): T {
  try {
    return parser(pem)
  } catch (cause) {
    throw new LockConfigError(`Option '${option}': the file ${file} must hold ${expected} in PEM form.`, {
      cause,
    })
  }
}
