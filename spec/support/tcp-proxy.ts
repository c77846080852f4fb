import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a server, and can lose what the server answers. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>()
  private isMute = false

  private constructor(private readonly server: Server) {}

  static async to(endpoint: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(endpoint)
    const server = createServer()
    const proxy = new TcpProxy(server)
    server.on('connection', client => proxy.join(client, connect(Number(port), hostname)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** From now on, what the server says is lost; what the client says arrives. */
  mute(): void {
    this.isMute = true
  }

  /** Cuts all connections; new ones work. */
  cut(): void {
    this.isMute = false
    for (const socket of this.sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.server.close()
    await once(this.server, 'close')
  }

  private join(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', data => upstream.write(data))
    upstream.on('data', data => this.isMute || client.write(data))
  }
}
