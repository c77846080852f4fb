import { RelukkoInvalidError } from '../../errors.js'
import type { ClientSettings } from '../client-options.js'
import { type Environment, proxyIn } from '../environment.js'

/** A proxy, and the header by which it knows us. */
export interface Proxy {
  readonly url: URL
  readonly authorization: string | undefined
}

/** The proxy for a URL: that of the settings, else that of the environment. @throws RelukkoInvalidError for one that cannot be used. */
export function proxyFor(url: URL, { proxy }: ClientSettings, environment: Environment): Proxy | undefined {
  if (proxy === null) return undefined
  if (proxy !== undefined) return proxyOf(proxy)
  const named = proxyIn(environment, url)
  if (!named) return undefined
  // As curl and Python do: many write host:port.
  const found = proxyOf(named.value.includes('://') ? named.value : `http://${named.value}`)
  if (found) return found
  throw new RelukkoInvalidError(
    `RelukkoClient: ${named.variable} in the environment must be ${PROXY}; 'trustEnv: false' ignores it.`,
  )
}

export const PROXY = 'the URL of a proxy, of http or https'

/** Undefined when it is no URL of a proxy that can be used. */
export function proxyOf(text: string): Proxy | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (!/^https?:$/.test(url.protocol)) return undefined
  try {
    const [user, password] = [url.username, url.password].map(decodeURIComponent)
    const credentials = Buffer.from(`${user}:${password}`).toString('base64')
    return { url: new URL(url.origin), authorization: user || password ? `Basic ${credentials}` : undefined }
  } catch {
    // Neither user nor password may hold a % that stands for nothing.
    return undefined
  }
}
