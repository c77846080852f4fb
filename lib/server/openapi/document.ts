import { VERSION } from '../../model/version.js'
import { operation } from './operation.js'
import { named, schemas } from './schemas.js'
import { v1 } from './v1.js'
import { v2 } from './v2.js'

const tag = 'The server'
const KEY = 'key'

const own = {
  '/healthchecker': {
    get: operation({
      summary: 'Whether etcd answers, for load balancers',
      tag,
      answers: { 200: ['It does.', named('Message')] },
      errors: [503],
      isOpen: true,
    }),
  },
  '/metrics': {
    get: operation({
      summary: 'What Prometheus reads',
      tag,
      answers: { 200: ['Numbers.', { type: 'string', contentMediaType: 'text/plain' }] },
      isOpen: true,
    }),
  },
  '/openapi.json': {
    get: operation({
      summary: 'This description, for programs',
      tag,
      answers: { 200: ['An OpenAPI document.', { type: 'object' }] },
      isOpen: true,
    }),
  },
}

/** All that the server answers programs, as OpenAPI 3.1. A path with a `/` at its end is the same. */
export function openApiDocument(): Readonly<Record<string, unknown>> {
  return {
    openapi: '3.1.0',
    info: {
      title: 'spicelock',
      version: VERSION,
      description:
        'Distributed locks on etcd, over HTTP. What is under `/v1` and the WebSocket are the contract of ' +
        "Relukko's clients, to which `wait`, `ttl` and `X-Fencing-Token` were added; `/v2` serves the locks of all " +
        'prefixes. An answer that is lost leaves it open whether the call was made.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: ['Relukko', 'The whole model', tag].map(name => ({ name })),
    security: [{ [KEY]: [] }],
    paths: { ...v1, ...v2, ...own },
    components: {
      schemas,
      securitySchemes: { [KEY]: { type: 'apiKey', in: 'header', name: 'X-api-Key' } },
    },
  }
}
