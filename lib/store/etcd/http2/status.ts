import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'

export type Headers = IncomingHttpHeaders & IncomingHttpStatusHeader

/** How calls end: names and numbers are those of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export enum StatusCode {
  OK,
  CANCELLED,
  UNKNOWN,
  INVALID_ARGUMENT,
  DEADLINE_EXCEEDED,
  NOT_FOUND,
  ALREADY_EXISTS,
  PERMISSION_DENIED,
  RESOURCE_EXHAUSTED,
  FAILED_PRECONDITION,
  ABORTED,
  OUT_OF_RANGE,
  UNIMPLEMENTED,
  INTERNAL,
  UNAVAILABLE,
  DATA_LOSS,
  UNAUTHENTICATED,
}

/** How a call has ended. */
export interface Status {
  readonly code: StatusCode
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
  return { code: isAway ? StatusCode.UNAVAILABLE : StatusCode.UNKNOWN, details }
}

const CODED = /^(\d+) [A-Z_]+: /

/** As grpc-js would say it. */
export function statusError({ code, details }: Status): Error & { readonly code: StatusCode } {
  return Object.assign(new Error(`${code} ${StatusCode[code]}: ${details}`), { code })
}

/** The code that an error of {@link statusError}, of grpc-js or of etcd3 says; undefined when it says none. */
export function codeIn(message: string): StatusCode | undefined {
  const code = CODED.exec(message)?.[1]
  return code === undefined ? undefined : codeOf(code)
}

/** What it says, without the code. */
export function withoutCode(message: string): string {
  return message.replace(CODED, '')
}

/** The connection is gone, or was never there: what was sent may have been applied. */
export function unavailable(reason: string): Status {
  return { code: StatusCode.UNAVAILABLE, details: reason }
}

export function isOk({ code }: Status): boolean {
  return code === StatusCode.OK
}

/** The user is not let in, which says nothing about the member. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === StatusCode.PERMISSION_DENIED
}

/** Why a request has failed: of one that waits for its connection Node says so, and names the cause at the end. */
export function causeOf({ message }: Error): string {
  return /\(caused by: (.*)\)$/s.exec(message)?.[1] ?? message
}

function codeOf(text: string | string[]): StatusCode {
  const code = Number(text)
  return StatusCode[code] === undefined ? StatusCode.UNKNOWN : code
}

function decoded(message: string | string[] | undefined): string {
  try {
    return decodeURIComponent(String(message ?? ''))
  } catch {
    return String(message)
  }
}
