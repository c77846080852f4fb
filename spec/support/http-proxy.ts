import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'

/** A forward proxy, as companies have it: passes on requests by their whole URL, and tunnels. */
export class HttpProxy {
  /** What was asked of it: `POST http://…`, or `CONNECT host:port`. */
  readonly asked: string[] = []

  private constructor(private readonly server: Server) {}

  static async start(): Promise<HttpProxy> {
    const server = createServer()
    const proxy = new HttpProxy(server)
    server.on('request', (incoming, answer) => {
      proxy.asked.push(`${incoming.method} ${incoming.url}`)
      const { method, headers } = incoming
      const onward = request(incoming.url!, { method, headers }, response => {
        answer.writeHead(response.statusCode!, response.headers)
        response.pipe(answer)
      })
      incoming.pipe(onward)
    })
    server.on('connect', (incoming, client, head) => {
      proxy.asked.push(`CONNECT ${incoming.url}`)
      const [host, port] = incoming.url!.split(':')
      const onward = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        onward.write(head)
        onward.pipe(client).pipe(onward)
      })
      onward.on('error', () => client.destroy())
      client.on('error', () => onward.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}
