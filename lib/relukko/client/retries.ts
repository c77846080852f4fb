/** The counts of urllib3's Retry, by their names: how often a request is repeated within each of `tries`. */
export interface RetryOptions {
  /** Of any kind; 10 when not given. */
  readonly total?: number
  /** After a connection that was not made: the server knows nothing of the request, so that any call is repeated. */
  readonly connect?: number
  /** After a connection that ended without an answer, or an answer that did not come in time; only what changes nothing is repeated. */
  readonly read?: number
  /** After an answer of 500 and above, or 413 or 429 with a `Retry-After`; only what changes nothing is repeated. */
  readonly status?: number
  /** After any other failure, such as one of TLS; only what changes nothing is repeated. */
  readonly other?: number
  /** Half of the seconds before the third request; from then on each pause is twice the one before. None before the second; 0 when not given. */
  readonly backoffFactor?: number
  /** Seconds that no such pause exceeds, and for which a `Retry-After` is waited for at most; 120 when not given. */
  readonly backoffMax?: number
  /** Seconds of which a random part is added to each pause; 0 when not given. */
  readonly backoffJitter?: number
}

type Count = 'connect' | 'read' | 'status' | 'other'

/** What a request has ended with, as far as it matters to whether it is repeated. */
export type Outcome =
  { readonly status: number; readonly retryAfter: string | undefined } | (Error & { code?: string })

const NOT_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|UND_ERR_CONNECT_TIMEOUT)$/
const CUT = /^(ECONNRESET|EPIPE|ETIMEDOUT|UND_ERR_(SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT|RES\w*)|HPE_\w+)$/

/** How often a request may be repeated yet, and when. */
export class Retries {
  private repeated = 0
  private readonly left: Record<Count | 'total', number>

  constructor(private readonly options: RetryOptions | undefined) {
    const { total = options ? 10 : 0 } = options ?? {}
    const { connect = Infinity, read = Infinity, status = Infinity, other = Infinity } = options ?? {}
    this.left = { total, connect, read, status, other }
  }

  /**
   * Seconds until the request is to be repeated; undefined when it is not.
   * @param isHarmless whether it changes nothing, however often it is made.
   */
  next(outcome: Outcome, isHarmless: boolean): number | undefined {
    const count = countOf(outcome)
    if (!count || (count !== 'connect' && !isHarmless)) return undefined
    if (--this.left.total < 0 || --this.left[count] < 0) return undefined
    this.repeated++
    const { backoffFactor = 0, backoffMax = 120, backoffJitter = 0 } = this.options ?? {}
    const said = 'retryAfter' in outcome ? secondsUntil(outcome.retryAfter) : undefined
    if (said !== undefined) return said <= backoffMax ? said : undefined
    if (this.repeated < 2) return 0
    return Math.min(backoffFactor * 2 ** (this.repeated - 1) + Math.random() * backoffJitter, backoffMax)
  }
}

function countOf(outcome: Outcome): Count | undefined {
  if ('status' in outcome) {
    const { status, retryAfter } = outcome
    if (status >= 500 || ([413, 429].includes(status) && retryAfter !== undefined)) return 'status'
    return undefined
  }
  const { code = '' } = outcome
  const { syscall } = outcome as NodeJS.ErrnoException
  if (NOT_CONNECTED.test(code) || syscall === 'connect') return 'connect'
  return CUT.test(code) ? 'read' : 'other'
}

/** Of a Retry-After: seconds, or a date. */
function secondsUntil(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter)
  const seconds = (Date.parse(retryAfter) - Date.now()) / 1000
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds)
}
