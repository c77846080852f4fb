import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describeValue } from '../../../model/describe-value.js'
import { RelukkoInvalidError } from '../../errors.js'
import type { TlsFile } from './tls-options.js'

/** What was given for TLS, and the name by which errors call it. */
export interface Source {
  readonly name: string
  readonly given: TlsFile
  /** Of what is no secret, errors tell the value. */
  readonly isPublic: boolean
}

const PEM = /-----BEGIN /
const CERTIFICATE = /-----BEGIN (X509 )?CERTIFICATE-----.+?-----END (X509 )?CERTIFICATE-----/gs
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

/** What changes when the files do that are named; of what is no path, nothing. */
export function stateOf(sources: readonly Source[]): string {
  return sources
    .filter(({ given }) => isPath(given))
    .flatMap(({ given }) => filesOf(given as string))
    .map(file => {
      const { mtimeNs, ino, size } = statSync(file, { bigint: true })
      return [file, mtimeNs, ino, size].join(' ')
    })
    .join('\n')
}

/** The certificates of authorities, each in PEM. @throws RelukkoInvalidError */
export function authoritiesOf(source: Source): string[] {
  const { name, given } = source
  const path = isPath(given) ? given : undefined
  const contents =
    path === undefined
      ? [bytesOf(source)]
      : attempt(source, () => filesOf(path).map(file => readFileSync(file)))
  const isFolder = path !== undefined && attempt(source, () => statSync(path).isDirectory())
  // A folder may hold other files, too.
  const found = contents.flatMap(bytes => {
    try {
      return certificatesIn(bytes)
    } catch (cause) {
      if (isFolder) return []
      throw wrong(`'${name}'${where(source)} has a certificate that cannot be read`, cause)
    }
  })
  if (found.length > 0) return found
  throw wrong(`'${name}'${where(source)} has no certificate in PEM${isFolder ? '' : ' or DER'}`)
}

/** A client's own certificate and its key. @throws RelukkoInvalidError, which tells nothing of the key. */
export function identityOf(cert: Source, key: Source): { cert: string; key: string } {
  const [certBytes, keyBytes] = [bytesOf(cert), bytesOf(key)]
  const certificates = certificatesOrNone(certBytes)
  if (certificates.length === 0) throw wrong(`'${cert.name}'${where(cert)} has no certificate in PEM or DER`)
  if (!PRIVATE_KEY.test(keyBytes.toString('latin1'))) {
    const missing =
      cert.given === key.given ? `'${key.name}' is missing, and '${cert.name}'` : `'${key.name}'`
    throw wrong(`${missing} has no private key in PEM`)
  }
  try {
    const privateKey = createPrivateKey(keyBytes)
    if (new X509Certificate(certificates[0]!).checkPrivateKey(privateKey)) {
      return { cert: certificates.join('\n'), key: keyBytes.toString('latin1') }
    }
  } catch (cause) {
    throw wrong(`'${key.name}' has no private key that can be read, without a passphrase`, cause)
  }
  throw wrong(`'${key.name}' is not the key of '${cert.name}'`)
}

/** A text is in PEM or a path. */
function isPath(given: TlsFile): given is string {
  return typeof given === 'string' && !PEM.test(given)
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .map(name => join(path, name))
    .filter(file => statSync(file, { throwIfNoEntry: false })?.isFile())
}

function bytesOf(source: Source): Buffer {
  const { given } = source
  if (isPath(given)) return attempt(source, () => readFileSync(given))
  return typeof given === 'string' ? Buffer.from(given) : given
}

/** @throws when there is one that is broken. */
function certificatesIn(bytes: Buffer): string[] {
  const text = bytes.toString('latin1')
  if (!PEM.test(text)) return [new X509Certificate(bytes).toString()]
  const blocks = text.match(CERTIFICATE) ?? []
  for (const block of blocks) new X509Certificate(block)
  return blocks
}

function certificatesOrNone(bytes: Buffer): string[] {
  try {
    return certificatesIn(bytes)
  } catch {
    return []
  }
}

function attempt<T>(source: Source, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const { code = 'it cannot be read' } = cause as NodeJS.ErrnoException
    const got =
      source.isPublic && !String(source.given).includes('\n') ? `, got ${describeValue(source.given)}` : ''
    throw wrong(`'${source.name}' must be in PEM, or a path that can be read (${code})${got}`, cause)
  }
}

function where({ given, isPublic }: Source): string {
  return isPath(given) && isPublic ? ` (${describeValue(given)})` : ''
}

function wrong(problem: string, cause?: unknown): RelukkoInvalidError {
  return new RelukkoInvalidError(`RelukkoClient: ${problem}.`, { cause })
}
