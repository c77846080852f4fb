import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a server, and can lose what the server answers. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>()
  private readonly lost = new Set<Socket>()
  private readonly slow = new Map<Socket, number>()
  endpoint = ''
  /** How many connections have come. */
  connections = 0
  private isMute = false
  private isDeaf = false

  private constructor(
    private readonly server: Server,
    private target: URL,
  ) {}

  static async to(endpoint: string): Promise<TcpProxy> {
    const server = createServer()
    const proxy = new TcpProxy(server, new URL(endpoint))
    server.on('connection', client => {
      proxy.connections++
      if (proxy.isDeaf) proxy.keep(client.resume())
      else proxy.join(client, connect(Number(proxy.target.port), proxy.target.hostname))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return proxy
  }

  /** From now on, what the server says is lost; what the client says arrives. */
  mute(): void {
    this.isMute = true
  }

  /** From now on, new connections are accepted and lead nowhere, for good; or not any more. */
  deafen(isDeaf = true): void {
    this.isDeaf = isDeaf
  }

  /** The connections that stand now lead nowhere for good, and nobody is told; new ones work. */
  lose(): void {
    for (const socket of this.sockets) this.lost.add(socket)
  }

  /** What the server says on the connections that stand now comes so many milliseconds late; new ones are quick. */
  slowDown(ms: number): void {
    for (const socket of this.sockets) this.slow.set(socket, ms)
  }

  /** New connections lead to another server. */
  redirect(endpoint: string): void {
    this.target = new URL(endpoint)
  }

  /** How many sockets are open, on both sides. */
  get open(): number {
    return this.sockets.size
  }

  /** Cuts all connections, and takes no more of them. */
  refuse(): void {
    this.server.close()
    this.cut()
  }

  /** Takes connections again. */
  async admit(): Promise<void> {
    this.server.listen(Number(new URL(this.endpoint).port), '127.0.0.1')
    await once(this.server, 'listening')
  }

  /** Cuts all connections; new ones work. */
  cut(): void {
    this.isMute = false
    for (const socket of this.sockets) socket.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async close(): Promise<void> {
    this.cut()
    if (!this.server.listening) return
    this.server.close()
    await once(this.server, 'close')
  }

  private join(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.keep(socket).on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', data => this.lost.has(client) || upstream.write(data))
    upstream.on('data', data => {
      if (this.isMute || this.lost.has(upstream)) return
      const ms = this.slow.get(upstream)
      if (ms === undefined) client.write(data)
      else setTimeout(() => client.write(data), ms)
    })
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket)
    return socket.on('error', () => {}).on('close', () => this.sockets.delete(socket))
  }
}
