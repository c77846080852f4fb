import type { FastifyRequest } from 'fastify'
import { describeValue } from '../../model/describe-value.js'
import { HttpError } from './http-error.js'

/** The JSON object that was sent, with no other fields than these. @throws HttpError 400 */
export function bodyOf(
  { body }: FastifyRequest,
  fields: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HttpError(400, `The body must be a JSON object, got ${describeValue(body)}.`)
  }
  const unknown = Object.keys(body).find(field => !fields.includes(field))
  if (unknown === undefined) return body as Record<string, unknown>
  throw new HttpError(400, `Unknown field ${describeValue(unknown)}; known are: ${fields.join(', ')}.`)
}
