import {
  RelukkoForbiddenError,
  RelukkoInvalidError,
  RelukkoNotFoundError,
  RelukkoServerError,
} from '../../errors.js'
import { RelukkoDTO } from '../../relukko-dto.js'

export interface Answer {
  readonly status: number
  /** What JSON it was; undefined when it was none. */
  readonly body: unknown
  /** How often was asked. What was asked before may have been done, without an answer that says so. */
  readonly tries: number
}

/** @throws what an answer means that is not success. */
export function lockOf(answer: Answer, expected = 200): RelukkoDTO {
  if (answer.status !== expected && answer.status !== 200) throw errorOf(answer)
  try {
    return RelukkoDTO.fromJSON(answer.body)
  } catch (cause) {
    const message = `The server has answered with what is no lock: ${(cause as Error).message}.`
    throw new RelukkoServerError(message, { status: answer.status, cause })
  }
}

/** What an answer that is not success means. */
export function errorOf(answer: Answer): Error {
  const { status } = answer
  const message = messageOf(answer)
  switch (status) {
    case 400:
    case 413:
      return new RelukkoInvalidError(message, { status })
    case 401:
    case 403:
      return new RelukkoForbiddenError(message, { status })
    case 404:
    case 422:
      return new RelukkoNotFoundError(message, { status })
    default:
      return new RelukkoServerError(`The server has answered with ${status}: ${message}`, { status })
  }
}

export function messageOf({ status, body }: Pick<Answer, 'status' | 'body'>): string {
  const message = (body as { message?: unknown } | null | undefined)?.message
  return typeof message === 'string' && message !== '' ? message : `status ${status}, without a message`
}
