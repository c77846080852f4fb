import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { LockConfigError } from '../model/errors.js'
import type { EtcdOptions } from '../store/etcd/options.js'
import type { LockConfig } from './schema.js'

/** X509Certificate reads DER from bytes, too, which TLS would pass over in silence. */
const certificateIn = (pem: Buffer): X509Certificate => new X509Certificate(pem.toString())

/**
 * Reads the certificate files, and checks them here: of a broken one, a connection would only say that it fails.
 * @throws LockConfigError naming the option and the file; never what is in it.
 */
export function readCertificates({ ca_cert, cert: own }: LockConfig): NonNullable<EtcdOptions['tls']> {
  const ca = ca_cert === undefined ? undefined : read('ca_cert', ca_cert)
  ca?.parse('a certificate', certificateIn)
  const [certFile, keyFile] = typeof own === 'string' ? [own, own] : (own ?? [])
  if (certFile === undefined || keyFile === undefined) return { ...(ca && { ca: ca.pem }) }
  const [cert, key] = [read('cert', certFile), read('cert', keyFile)]
  const certificate = cert.parse('a certificate', certificateIn)
  if (!certificate.checkPrivateKey(key.parse('a private key without passphrase', createPrivateKey))) {
    throw new LockConfigError(
      `Option 'cert': the key in ${keyFile} is not that of the certificate in ${certFile}.`,
    )
  }
  return { ...(ca && { ca: ca.pem }), cert: cert.pem, key: key.pem }
}

interface PemFile {
  readonly pem: Buffer
  parse<T>(expected: string, parser: (pem: Buffer) => T): T
}

function read(option: string, file: string): PemFile {
  const attempt = <T>(work: () => T, problem: (cause: Error) => string): T => {
    try {
      return work()
    } catch (cause) {
      throw new LockConfigError(problem(cause as Error), { cause })
    }
  }
  const pem = attempt(
    () => readFileSync(file),
    ({ message }) => `Unable to read the file ${file} of the option '${option}': ${message}.`,
  )
  const parse = <T>(expected: string, parser: (text: Buffer) => T): T =>
    attempt(
      () => parser(pem),
      () => `Option '${option}': the file ${file} must hold ${expected} in PEM form.`,
    )
  return { pem, parse }
}
