import { named, type Schema } from './schemas.js'

/** What one method of one path does, as OpenAPI has it. */
export type Operation = Readonly<Record<string, unknown>>

interface Words {
  readonly summary: string
  readonly description?: string
  readonly tag: string
  readonly parameters?: readonly Parameter[]
  readonly body?: Schema
  /** By status. Those that need no words of their own are {@link ERRORS}. */
  readonly answers: Readonly<Record<number, readonly [description: string, schema: Schema, headers?: Schema]>>
  readonly errors?: readonly (keyof typeof ERRORS)[]
  readonly isOpen?: true
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly schema: Schema
  readonly required?: boolean
}

const ERRORS = {
  400: 'The body or a parameter is wrong.',
  403: 'The key is missing or wrong.',
  404: 'There is no such prefix, or no holder or waiter has this id.',
  409: 'Others hold it.',
  410: 'The waiter was evicted from the queue by force.',
  413: 'The body is too large.',
  415: 'The body is no JSON, or is not said to be.',
  422: 'There is no lock with this id.',
  429: 'Too many wrong keys came from this address.',
  503: 'etcd cannot be reached, or the server ends: the same call may succeed later.',
}

export function operation({
  summary,
  description,
  tag,
  parameters,
  body,
  answers,
  errors = [],
  isOpen,
}: Words): Operation {
  const ofBody = body ? ([413, 415] as const) : []
  const always = isOpen ? errors : ([...errors, ...ofBody, 403, 429, 503] as const)
  const failures = always.map(status => [status, [ERRORS[status], named('Message')]] as const)
  const all = [...Object.entries(answers), ...failures] as [string, readonly [string, Schema, Schema?]][]
  return {
    summary,
    ...(description && { description }),
    tags: [tag],
    ...(parameters && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: Object.fromEntries(
      all.map(([status, [words, schema, headers]]) => [
        status,
        { description: words, content: contentOf(schema), ...(headers && { headers }) },
      ]),
    ),
    ...(isOpen && { security: [] }),
  }
}

/** Of JSON, or of a text whose media type the schema names. */
function contentOf({
  contentMediaType = 'application/json',
  ...schema
}: Schema): Readonly<Record<string, object>> {
  return { [String(contentMediaType)]: { schema } }
}

export function inPath(name: string, description: string): Parameter {
  return { name, in: 'path', description, schema: { type: 'string' }, required: true }
}

export function inQuery(name: string, description: string, schema: Schema = { type: 'string' }): Parameter {
  return { name, in: 'query', description, schema }
}

export const WAIT = inQuery('wait', 'Seconds to wait in the queue; 0 tries once.', {
  type: 'number',
  minimum: 0,
  default: 0,
})
