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
  checkNames('field', body, fields)
  return body as Record<string, unknown>
}

/** That the URL asks for no more than these. @throws HttpError 400 */
export function checkQuery({ query }: FastifyRequest, parameters: readonly string[]): void {
  checkNames('query parameter', query as object, parameters)
}

function checkNames(what: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find(name => !known.includes(name))
  if (unknown === undefined) return
  const names = known.join(', ') || 'none'
  throw new HttpError(400, `Unknown ${what} ${describeValue(unknown)}; known are: ${names}.`)
}
