import { isStoreError, StoreError, type StoreErrorReason } from '../store-error.js'
import { codeIn, StatusCode, withoutCode } from './http2/status.js'

/** With these, etcd has applied nothing. */
const REFUSALS: ReadonlySet<StatusCode | undefined> = new Set([
  StatusCode.INVALID_ARGUMENT,
  StatusCode.NOT_FOUND,
  StatusCode.PERMISSION_DENIED,
  StatusCode.FAILED_PRECONDITION,
  StatusCode.UNIMPLEMENTED,
  StatusCode.UNAUTHENTICATED,
])

/**
 * What etcd says of the resources that a call would take. grpc-js gives the same code to a call that was cut off (`ENHANCE_YOUR_CALM`), which
 * may have been applied.
 */
const EXHAUSTED = /etcdserver: |message larger than max/

/**
 * Turns the error of a call into a StoreError, by the code with which its message begins: errors of etcd3 say it nowhere else. Whatever
 * is not known to be a refusal counts as `unreachable`: the call may have been applied.
 */
export function classify(error: unknown): StoreError {
  if (isStoreError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(reasonOf(message), inWords(message), { cause: error })
}

/** Said when grpc-js does not know why either, which happens when an attempt ends before its error is noted. */
export const UNEXPLAINED = 'no connection could be established'

/** Whether its time was over: by our clock, or by that of etcd, which is told how much it has. */
export function isSilence({ cause }: StoreError): boolean {
  return cause instanceof Error && codeIn(cause.message) === StatusCode.DEADLINE_EXCEEDED
}

const TOO_LARGE =
  'this etcd takes no request of that size (--max-request-bytes, by default 1.5 MiB). ' +
  'Raise its limit, let fewer hold one lock, or give owners shorter names'

/** Without what grpc-js adds for its own developers, and with what to do. */
function inWords(message: string): string {
  return withoutCode(message)
    .replace(/^Deadline exceeded after (\d+(?:\.\d*[1-9])?)\.?0*s.*$/s, 'no answer within $1 s')
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/(?:\. )?Resolution note: .*$/s, '')
    .replace(/(user name is empty)$/, '$1: configure username and password')
    .replace(
      /^(etcdserver: request is too large|grpc: received message larger than max .*)$/s,
      `$1: ${TOO_LARGE}`,
    )
    .replace(/^null$/, UNEXPLAINED)
}

function reasonOf(message: string): StoreErrorReason {
  if (message.includes('etcdserver: requested lease not found')) return 'lease-not-found'
  if (message.includes('too many requests')) return 'unreachable'
  // A read of a revision that is gone, or is still to come.
  if (message.includes('mvcc: required revision')) return 'refused'
  const code = codeIn(message)
  if (code === StatusCode.RESOURCE_EXHAUSTED && EXHAUSTED.test(message)) return 'refused'
  return REFUSALS.has(code) ? 'refused' : 'unreachable'
}
