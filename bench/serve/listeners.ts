import { once } from 'node:events'
import WebSocket from 'ws'
import { KEY } from './served.js'

/** WebSockets that listen to a server. */
export class Listeners {
  private constructor(private readonly sockets: readonly WebSocket[]) {}

  static async open(url: string, count: number): Promise<Listeners> {
    const sockets: WebSocket[] = []
    // A few at a time: no server lets any number stand in its backlog.
    while (sockets.length < count) {
      const opened = Array.from({ length: Math.min(50, count - sockets.length) }, () => open(url))
      sockets.push(...(await Promise.all(opened)))
    }
    return new Listeners(sockets)
  }

  /** Milliseconds until the last of them has heard that this lock was deleted, by `performance.now()`. */
  async heardOf(id: string): Promise<number> {
    await Promise.all(
      this.sockets.map(
        socket =>
          new Promise<void>(resolve => {
            const onFrame = (data: Buffer): void => {
              const { deleted } = JSON.parse(data.toString()) as { deleted?: { id: string } }
              if (deleted?.id !== id) return
              socket.off('message', onFrame)
              resolve()
            }
            socket.on('message', onFrame)
          }),
      ),
    )
    return performance.now()
  }

  close(): void {
    for (const socket of this.sockets) socket.terminate()
  }
}

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/broadcast`, {
    headers: { 'x-api-key': KEY },
  })
  await once(socket, 'open')
  return socket
}
