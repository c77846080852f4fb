import { type ErrorDetails, SpicerackError } from '../model/errors.js'

export interface RelukkoErrorDetails extends ErrorDetails {
  readonly status?: number | undefined
}

/** Base of the errors that calls of Relukko's locks end with. */
export abstract class RelukkoError extends SpicerackError {
  /** The HTTP status of the answer that the error was made from; undefined when no answer of a server was the reason. */
  readonly status: number | undefined

  constructor(message: string, details: RelukkoErrorDetails = {}) {
    super(message, details)
    this.status = details.status
  }
}

/**
 * No lock has this id (any more). Over HTTP: `status` 422 is said of the lock by a server of Relukko's, 404 comes also from a
 * server or load balancer that knows no such route.
 */
export class RelukkoNotFoundError extends RelukkoError {
  readonly code = 'RELUKKO_NOT_FOUND'
}

/** A value that a lock cannot have; the message names the field, the value and what was expected. Over HTTP: 400, 413. */
export class RelukkoInvalidError extends RelukkoError {
  readonly code = 'RELUKKO_INVALID'
}

/** The server did not accept the API key. Over HTTP: 401, 403. */
export class RelukkoForbiddenError extends RelukkoError {
  readonly code = 'RELUKKO_FORBIDDEN'
}

/** The server has answered with an error, or could not be reached, however often it was asked. */
export class RelukkoServerError extends RelukkoError {
  readonly code = 'RELUKKO_SERVER'
}
