import type { PeerCertificate } from 'node:tls'
import { aBoolean, type Check } from '../../../config/check-options.js'

/** A text in PEM or the path of a file, or what is in such a file: PEM, or DER for a certificate. */
export type TlsFile = string | Buffer

export interface ClientTls {
  /**
   * Whom to trust, instead of the usual authorities: one certificate or several, each as a text in PEM (of one or many), the path
   * of a file or of a folder of such, or a Buffer in PEM or DER. When it is not given, and `trustEnv` is not false,
   * `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE` in the environment name it.
   */
  readonly ca?: TlsFile | readonly TlsFile[] | undefined
  /** The client's own certificate, for servers that ask for it: in PEM, with those between it and an authority after it. */
  readonly cert?: TlsFile | undefined
  /** The key of `cert`, in PEM and without a passphrase. When it is not given, it is in `cert`. */
  readonly key?: TlsFile | undefined
  /** False accepts any server: for tests only. */
  readonly rejectUnauthorized?: boolean | undefined
  /** False accepts a server under any name, if `ca` vouches for it: any server with a certificate of that authority can pose as this one. */
  readonly checkHostname?: boolean | undefined
  /**
   * Decides, in place of Node's own check, whether a certificate that is trusted belongs to a host: it returns an error if not.
   * `(_, cert) => tls.checkServerIdentity('locks.example', cert)` expects a name that is not that of `baseUrl`.
   */
  readonly checkServerIdentity?: ((host: string, cert: PeerCertificate) => Error | undefined) | undefined
}

const isFile = (value: unknown): boolean =>
  Buffer.isBuffer(value) || (typeof value === 'string' && value !== '')

export const TLS_CHECKS: Readonly<Record<keyof ClientTls, Check>> = {
  ca: [
    'a text in PEM, a path or a Buffer, or an array of such',
    value => isFile(value) || (Array.isArray(value) && value.length > 0 && value.every(isFile)),
    'secret',
  ],
  cert: ['a text in PEM, a path or a Buffer', isFile, 'secret'],
  key: ['a text in PEM, a path or a Buffer', isFile, 'secret'],
  rejectUnauthorized: aBoolean,
  checkHostname: aBoolean,
  checkServerIdentity: ['a function', value => typeof value === 'function'],
}
