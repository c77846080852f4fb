import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'
import { status } from '@grpc/grpc-js'

export type Headers = IncomingHttpHeaders & IncomingHttpStatusHeader

/** How a call has ended (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export interface Status {
  readonly code: status
  readonly details: string
}

/** What headers or trailers say of the end of a call; undefined where the call goes on. */
export function statusIn(headers: Headers): Status | undefined {
  const code = headers['grpc-status']
  if (typeof code === 'string') return { code: Number(code), details: decoded(headers['grpc-message']) }
  const http = headers[':status']
  if (http === undefined || http === 200) return undefined
  // Something between us and etcd has answered. (https://grpc.github.io/grpc/core/md_doc_http-grpc-status-mapping.html)
  const isAway = http === 429 || (http >= 502 && http <= 504)
  return {
    code: isAway ? status.UNAVAILABLE : status.UNKNOWN,
    details: `Received HTTP status code ${http}`,
  }
}

/** As grpc-js would say it. */
export function statusError({ code, details }: Status): Error & { readonly code: status } {
  return Object.assign(new Error(`${code} ${status[code] ?? 'UNKNOWN'}: ${details}`), { code })
}

/** The connection is gone, or was never there: what was sent may have been applied. */
export function unavailable(reason: string): Status {
  return { code: status.UNAVAILABLE, details: reason }
}

export function isOk({ code }: Status): boolean {
  return code === status.OK
}

function decoded(message: string | string[] | undefined): string {
  try {
    return decodeURIComponent(String(message ?? ''))
  } catch {
    return String(message)
  }
}

/** The user is not let in, which says nothing about the member. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === status.PERMISSION_DENIED
}

/** Why a request has failed: of one that waits for its connection Node says so, and names the cause at the end. */
export function causeOf({ message }: Error): string {
  return /\(caused by: (.*)\)$/s.exec(message)?.[1] ?? message
}
