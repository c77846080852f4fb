import type { FastifyError } from 'fastify'
import { isSpicerackError, type SpicelockErrorCode } from '../../model/errors.js'

/** Bytes of a request's body. */
export const BODY_LIMIT = 65_536

/** What a client gets that asked for something it cannot have. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
  }
}

const STATUS: Partial<Record<SpicelockErrorCode, number>> = {
  RELUKKO_INVALID: 400,
  INVALID_LOCK: 400,
  LOCK_UNAVAILABLE: 409,
  LOCK_RENEWED: 409,
  LOCK_DISMISSED: 410,
  RELUKKO_NOT_FOUND: 422,
  ETCD_UNAVAILABLE: 503,
  LOCK_ERROR: 503,
  LOCK_UNREADABLE: 503,
}

/** The status of an error; 500 for errors that are not foreseen, whose text is not shown. */
export function answerTo(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof HttpError) return { status: error.status, message: error.message }
  if ((error as Partial<FastifyError>).code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return { status: 413, message: `The body is larger than ${BODY_LIMIT} bytes.` }
  }
  if ((error as Partial<FastifyError>).code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return { status: 415, message: 'Send JSON, with the header Content-Type: application/json.' }
  }
  const status = isSpicerackError(error)
    ? (STATUS[error.code] ?? 500)
    : ((error as Partial<FastifyError>).statusCode ?? 500)
  return { status, message: status === 500 ? 'The server has failed.' : (error as Error).message }
}
