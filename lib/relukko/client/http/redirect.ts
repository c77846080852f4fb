import { RelukkoServerError } from '../../errors.js'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** One request of a call, which a redirect may turn into another. */
export interface Hop {
  readonly method: Method
  readonly url: URL
  /** JSON, if any. */
  readonly body: string | undefined
}

/** Where redirects may lead, besides the origin of the first request. */
export interface RedirectRules {
  readonly baseUrl: string
  /** In the form of `URL.origin`. */
  readonly trustedOrigins: readonly string[]
  readonly maxRedirects: number
}

/** What of an answer says that it is elsewhere. */
export interface RedirectAnswer {
  readonly status: number
  readonly location: string | undefined
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/**
 * What is to be asked instead, when an answer says that it is elsewhere. Method and body stay, but for 303: the first server has
 * not done what it was asked for. (Python's requests asks with GET after a POST was redirected by 301 or 302. That would take no
 * lock, and a DELETE would seem to be done when it is not.)
 *
 * The API key goes along. So it is sent only to servers that may know it: the origin of `baseUrl`, the same host by https on port 443
 * when `baseUrl` is http on port 80, and `trustedOrigins`; and never is https left for http.
 * @throws RelukkoServerError for a redirect that is not followed.
 */
export function redirected(
  hop: Hop,
  { status, location }: RedirectAnswer,
  followed: number,
  rules: RedirectRules,
): Hop | undefined {
  if (!REDIRECTS.includes(status) || location === undefined) return undefined
  const refuse = (why: string): RelukkoServerError =>
    new RelukkoServerError(`${hop.method} ${plain(hop.url)} was redirected (${status}) to ${why}`, { status })
  if (!URL.canParse(location, hop.url.href)) throw refuse('what is no URL.')
  const url = new URL(location, hop.url)
  url.protocol = url.protocol.replace(/^ws/, 'http')
  if (!/^https?:$/.test(url.protocol)) throw refuse(`${url.protocol}, which is neither http nor https.`)
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw refuse(`${plain(url)}, which is not encrypted. The API key is not sent there.`)
  }
  if (!mayKnowTheKey(url, rules)) {
    throw refuse(
      `${plain(url)}, another origin. The API key is not sent there. If that is right, list it in 'trustedOrigins', or make it the 'baseUrl'.`,
    )
  }
  if (followed >= rules.maxRedirects) {
    throw refuse(`${plain(url)}. That is more than ${rules.maxRedirects} redirects ('maxRedirects').`)
  }
  return status === 303 ? { method: 'GET', url, body: undefined } : { ...hop, url }
}

function mayKnowTheKey(url: URL, { baseUrl, trustedOrigins }: RedirectRules): boolean {
  const base = new URL(baseUrl)
  const isBase = url.origin === base.origin
  const isUpgrade =
    url.hostname === base.hostname &&
    base.protocol === 'http:' &&
    url.protocol === 'https:' &&
    base.port === '' &&
    url.port === ''
  return isBase || isUpgrade || trustedOrigins.includes(url.origin)
}

/** Without what may be secret. */
function plain({ origin, pathname }: URL): string {
  return origin + pathname
}
