import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'
import { status } from '@grpc/grpc-js'

export type Headers = IncomingHttpHeaders & IncomingHttpStatusHeader

/** How a call has ended (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export interface Status {
  readonly code: status
  readonly details: string
}

/** What the headers of an answer, or its trailers, say of the end of the call; undefined where it goes on. */
export function statusIn(headers: Headers): Status | undefined {
  const code = headers['grpc-status']
  if (code !== undefined) return { code: codeOf(code), details: decoded(headers['grpc-message']) }
  const { ':status': http, 'content-type': type } = headers
  if (http === undefined || (http === 200 && type?.startsWith('application/grpc'))) return undefined
  // Something between us and etcd has answered. (https://grpc.github.io/grpc/core/md_doc_http-grpc-status-mapping.html)
  const isAway = http === 429 || (http >= 502 && http <= 504)
  const details = `Received HTTP status code ${http}, and ${type ?? 'nothing'}`
  return { code: isAway ? status.UNAVAILABLE : status.UNKNOWN, details }
}

/** As grpc-js would say it. */
export function statusError({ code, details }: Status): Error & { readonly code: status } {
  return Object.assign(new Error(`${code} ${status[code]}: ${details}`), { code })
}

/** The connection is gone, or was never there: what was sent may have been applied. */
export function unavailable(reason: string): Status {
  return { code: status.UNAVAILABLE, details: reason }
}

export function isOk({ code }: Status): boolean {
  return code === status.OK
}

/** The user is not let in, which says nothing about the member. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === status.PERMISSION_DENIED
}

/** Why a request has failed: of one that waits for its connection Node says so, and names the cause at the end. */
export function causeOf({ message }: Error): string {
  return /\(caused by: (.*)\)$/s.exec(message)?.[1] ?? message
}

function codeOf(text: string | string[]): status {
  const code = Number(text)
  return status[code] === undefined ? status.UNKNOWN : code
}

function decoded(message: string | string[] | undefined): string {
  try {
    return decodeURIComponent(String(message ?? ''))
  } catch {
    return String(message)
  }
}
