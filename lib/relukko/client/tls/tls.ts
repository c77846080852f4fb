import { createSecureContext, type SecureContext } from 'node:tls'
import { RelukkoInvalidError } from '../../errors.js'
import { bundleIn, type Environment } from '../environment.js'
import { authoritiesOf, identityOf, type Source, stateOf } from './tls-files.js'
import type { ClientTls, TlsFile } from './tls-options.js'

/** What `tls.connect` takes. */
export interface ConnectionTls {
  readonly secureContext: SecureContext
  readonly rejectUnauthorized: boolean
  readonly checkServerIdentity?: NonNullable<ClientTls['checkServerIdentity']>
}

interface Read {
  /** Of the files, when they were read. */
  readonly state: string
  readonly ca: { readonly ca?: string[] }
  readonly server: ConnectionTls
}

/** TLS as it was configured, from files as they are when a connection is made: short-lived certificates are renewed. */
export class TlsSettings {
  private readonly authorities: readonly Source[]
  private readonly identity: readonly [] | readonly [cert: Source, key: Source]
  private read: Read | undefined
  private warned: string | undefined

  constructor(
    private readonly tls: ClientTls,
    environment: Environment,
  ) {
    this.authorities = authoritiesIn(tls, environment)
    const source = (name: string, given: TlsFile): Source => ({ name, given, isPublic: false })
    const { cert, key = cert } = tls
    this.identity = cert === undefined ? [] : [source('tls.cert', cert), source('tls.key', key!)]
  }

  /**
   * For a connection to the server. The same object as before while no file has changed, and also while what is new cannot be
   * used, of which a warning tells. @throws RelukkoInvalidError when the files cannot be used and never could.
   */
  server(): ConnectionTls {
    return this.current().server
  }

  /** For a connection to a proxy by https, which is not sent the client's certificate. @throws RelukkoInvalidError as above. */
  proxy(): ConnectionTls {
    const { ca, server } = this.current()
    return { secureContext: createSecureContext(ca), rejectUnauthorized: server.rejectUnauthorized }
  }

  private current(): Read {
    try {
      // First the state, then the files: what changes in between is noticed the next time.
      const state = this.state()
      if (this.read?.state !== state) this.read = { state, ...this.make() }
    } catch (error) {
      if (!this.read) throw error
      this.warn(error as Error)
    }
    return this.read
  }

  private state(): string {
    try {
      return stateOf([...this.authorities, ...this.identity])
    } catch {
      // A file is gone. Reading it says which.
      return ''
    }
  }

  private make(): Omit<Read, 'state'> {
    const { rejectUnauthorized = true, checkHostname = true } = this.tls
    const checkServerIdentity = checkHostname ? this.tls.checkServerIdentity : (): undefined => undefined
    const own = this.identity.length > 0 ? identityOf(...(this.identity as [Source, Source])) : {}
    const ca = this.authorities.length > 0 ? { ca: this.authorities.flatMap(authoritiesOf) } : {}
    const secureContext = contextOf({ ...ca, ...own })
    return {
      ca,
      server: { secureContext, rejectUnauthorized, ...(checkServerIdentity && { checkServerIdentity }) },
    }
  }

  private warn({ message }: Error): void {
    if (message === this.warned) return
    this.warned = message
    process.emitWarning(`${message} What was read before is used on.`, { code: 'SPICELOCK_TLS_FILES' })
  }
}

/** @throws RelukkoInvalidError for settings that contradict each other. */
export function checkTls({ cert, key, checkHostname, checkServerIdentity }: ClientTls): void {
  if (key !== undefined && cert === undefined) {
    throw new RelukkoInvalidError("RelukkoClient: 'tls.key' is given without 'tls.cert'.")
  }
  if (checkHostname === false && checkServerIdentity) {
    const message = "'tls.checkHostname' is false, so that 'tls.checkServerIdentity' would never be asked"
    throw new RelukkoInvalidError(`RelukkoClient: ${message}. Give one of them.`)
  }
}

function contextOf(parts: Parameters<typeof createSecureContext>[0]): SecureContext {
  try {
    return createSecureContext(parts)
  } catch (cause) {
    // What OpenSSL says of certificates that it does not want, such as those with a short key.
    const { message } = cause as Error
    throw new RelukkoInvalidError(`RelukkoClient: 'tls' cannot be used: ${message}.`, { cause })
  }
}

function authoritiesIn({ ca, rejectUnauthorized }: ClientTls, environment: Environment): Source[] {
  if (ca !== undefined) {
    const all = Array.isArray(ca) ? (ca as readonly TlsFile[]) : [ca as TlsFile]
    return all.map(given => ({ name: 'tls.ca', given, isPublic: true }))
  }
  const bundle = bundleIn(environment)
  if (!bundle || rejectUnauthorized === false) return []
  return [{ name: bundle.variable, given: bundle.value, isPublic: true }]
}
