import { type ErrorDetails, SpicerackError } from '../model/errors.js'

/** No lock has this id (any more). Over HTTP: 404 or 422. */
export class RelukkoNotFoundError extends SpicerackError {
  readonly code = 'RELUKKO_NOT_FOUND'
}

/** A value that a lock cannot have; the message names the field, the value and what was expected. Over HTTP: 400. */
export class RelukkoInvalidError extends SpicerackError {
  readonly code = 'RELUKKO_INVALID'
}

/** The server did not accept the API key. Over HTTP: 403. */
export class RelukkoForbiddenError extends SpicerackError {
  readonly code = 'RELUKKO_FORBIDDEN'
}

/** The server has answered with an error, or could not be reached, however often it was asked. */
export class RelukkoServerError extends SpicerackError {
  readonly code = 'RELUKKO_SERVER'
  /** Of the last answer; undefined when there was none. */
  readonly status: number | undefined

  constructor(message: string, details: ErrorDetails & { readonly status?: number } = {}) {
    super(message, details)
    this.status = details.status
  }
}
