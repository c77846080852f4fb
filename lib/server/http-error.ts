import type { FastifyError } from 'fastify'
import { isSpicerackError, type SpicelockErrorCode } from '../model/errors.js'

/** What a client gets that asked for something it cannot have. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

const STATUS: Partial<Record<SpicelockErrorCode, number>> = {
  RELUKKO_INVALID: 400,
  INVALID_LOCK: 400,
  LOCK_UNAVAILABLE: 409,
  RELUKKO_NOT_FOUND: 422,
  ETCD_UNAVAILABLE: 503,
  LOCK_ERROR: 503,
}

/** The status of an error; 500 for those that nobody has foreseen, whose text is nobody's business. */
export function answerTo(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof HttpError) return { status: error.status, message: error.message }
  const status = isSpicerackError(error)
    ? (STATUS[error.code] ?? 500)
    : ((error as Partial<FastifyError>).statusCode ?? 500)
  return { status, message: status === 500 ? 'The server has failed.' : (error as Error).message }
}
