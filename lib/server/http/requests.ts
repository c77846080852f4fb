import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** How long what is under way may take once the server ends. */
const FINISH_MS = 5_000

/** The requests under way, so that the end of a server waits for them and for nothing else. */
export class Requests {
  private count = 0
  private onNone: () => void = () => {}

  constructor(private readonly server: Server) {
    server.on('request', (_request, response) => {
      this.count++
      response.once('close', () => {
        this.count--
        if (this.count === 0) this.onNone()
      })
    })
  }

  /** Cuts all connections when the last request is answered, or has not been for too long: browsers open some in advance. */
  async finish(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    if (this.count > 0) {
      await new Promise<void>(resolve => {
        this.onNone = resolve
        timer = setTimeout(resolve, FINISH_MS)
      })
    }
    clearTimeout(timer)
    // It may listen for a moment longer.
    this.server.on('connection', (socket: Socket) => socket.destroy())
    this.server.closeAllConnections()
  }
}
