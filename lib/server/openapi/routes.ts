import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { openApiDocument } from './document.js'

const CONTENT =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

/** What the server can, for programs at `/openapi.json` and for people at `/docs`. */
export async function addOpenApi(server: FastifyInstance): Promise<void> {
  const document = openApiDocument()
  await server.register(swagger, {
    mode: 'static',
    specification: { document: document as never },
  })
  await server.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { layout: 'BaseLayout' },
    staticCSP: true,
    // Its own asks for https, and forbids the styles that it sets.
    transformStaticCSP: () => CONTENT,
  })
  server.get('/openapi.json', () => document)
}
