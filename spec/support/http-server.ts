import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** A server of HTTP or HTTPS that answers as a test says, and keeps what it was asked. */
export class HttpServer {
  /** `POST /v1/locks/`, and so on. */
  readonly asked: string[] = []
  readonly bodies: string[] = []
  readonly keys: (string | undefined)[] = []

  private constructor(
    readonly server: Server,
    private readonly scheme: string,
    public answer: Answer,
  ) {
    server.on('request', (request, response) => {
      this.note(request)
      let body = ''
      request.on('data', (data: Buffer) => (body += data.toString()))
      request.on('end', () => {
        this.bodies.push(body)
        this.answer(request, response, body)
      })
    })
  }

  static async start(answer: Answer, tls?: { cert: Buffer; key: Buffer }): Promise<HttpServer> {
    const server = tls ? createSecureServer(tls) : createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new HttpServer(server, tls ? 'https' : 'http', answer)
  }

  /** Its origin. */
  get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  note({ method, url, headers }: IncomingMessage): void {
    this.asked.push(`${method} ${url}`)
    this.keys.push(headers['x-api-key'] as string | undefined)
  }

  async stop(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export function redirect(response: ServerResponse, status: number, location: string): void {
  response.writeHead(status, { location }).end('elsewhere')
}
