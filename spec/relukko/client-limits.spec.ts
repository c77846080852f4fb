import { once } from 'node:events'
import { createServer as createHttp, type Server as HttpServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { RelukkoClient, type RelukkoClientOptions } from '../../lib/relukko/index.js'
import { eventually } from '../support/eventually.js'
import { RELUKKO_LOCK as LOCK } from '../support/relukko-lock.js'

const KEY = 'a secret of the test'
const { id: ID } = LOCK

const clients: RelukkoClient[] = []
const make = (url: string, options: RelukkoClientOptions): RelukkoClient => {
  const client = new RelukkoClient(url, KEY, options)
  clients.push(client)
  return client
}
afterEach(() => Promise.all(clients.splice(0).map(client => client.close())))

const listening = async (server: Server | HttpServer): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
const took = async (work: Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work.catch(() => {})
  return performance.now() - start
}

describe('of a peer that', () => {
  let sockets: Set<Socket>
  let accepted: number
  let peer: Server
  let address: string
  let speak: (socket: Socket) => void

  beforeEach(async () => {
    sockets = new Set()
    accepted = 0
    speak = () => {}
    peer = createServer(socket => {
      accepted++
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => {})
      socket.resume()
      speak(socket)
    })
    address = await listening(peer)
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    peer.close()
    await once(peer, 'close')
  })

  const drip = (socket: Socket): void => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n')
    const timer = setInterval(() => socket.write('{'), 20)
    socket.on('close', () => clearInterval(timer))
  }

  it.each<[string, (socket: Socket) => void, (address: string) => [string, RelukkoClientOptions]]>([
    ['says nothing', () => {}, at => [`http://${at}`, {}]],
    ['says nothing of TLS', () => {}, at => [`https://${at}`, {}]],
    ['is a silent proxy', () => {}, at => ['http://127.0.0.1:1', { proxy: `http://${at}` }]],
    ['is a silent proxy before TLS', () => {}, at => ['https://127.0.0.1:1', { proxy: `http://${at}` }]],
    [
      'is a proxy to one that says nothing of TLS',
      socket => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n')),
      at => ['https://127.0.0.1:1', { proxy: `http://${at}` }],
    ],
    ['drips', drip, at => [`http://${at}`, {}]],
  ])(
    '%s, a call is rid in time, by its signal and by the end of the client, and no connection is left',
    async (_, words, where) => {
      speak = words
      const [url, options] = where(address)
      const impatient = make(url, { ...options, tries: 1, timeout: 0.3 })
      expect(await took(impatient.getLock(ID))).toBeLessThan(2_500)
      const abort = new AbortController()
      let before = accepted
      const patient = make(url, { ...options, timeout: 60, signal: abort.signal })
      const aborted = patient.getLock(ID)
      aborted.catch(() => {})
      await eventually(() => expect(accepted).toBeGreaterThan(before))
      abort.abort(new Error('enough'))
      expect(await took(aborted)).toBeLessThan(1_000)
      await expect(aborted).rejects.toThrow('enough')
      before = accepted
      const last = make(url, { ...options, timeout: 60 })
      const closed = last.getLock(ID)
      closed.catch(() => {})
      await eventually(() => expect(accepted).toBeGreaterThan(before))
      expect(await took(last.close())).toBeLessThan(1_000)
      await expect(closed).rejects.toThrow('closed')
      await Promise.all([impatient.close(), patient.close()])
      await eventually(() => expect(sockets.size).toBe(0))
    },
  )
})

describe('a waiter of a server of another kind', () => {
  let server: HttpServer
  let url: string
  let posts: number
  let answer: (response: ServerResponse) => void

  const json = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  beforeEach(async () => {
    posts = 0
    answer = response => json(response, 409, { status: 409, message: 'held' })
    server = createHttp((request, response) => {
      if (request.method === 'POST') posts++
      answer(response)
    })
    url = `http://${await listening(server)}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  it('asks as rarely as without a WebSocket where there is none', async () => {
    expect(await make(url, { acquireWaitForTimeout: 0.3 }).acquireRelukko('a', null, 1.2)).toBeNull()
    expect(posts).toBeGreaterThan(2)
    expect(posts).toBeLessThan(9)
  })

  it('asks no more often where each WebSocket is closed as soon as it is open', async () => {
    const sockets = new WebSocketServer({ server })
    let opened = 0
    sockets.on('connection', socket => {
      opened++
      socket.close()
    })
    expect(await make(url, { acquireWaitForTimeout: 0.3 }).acquireRelukko('a', null, 1.2)).toBeNull()
    expect(opened).toBeGreaterThan(1)
    expect(posts).toBeGreaterThan(2)
    expect(posts).toBeLessThan(9)
    sockets.close()
  })

  it('leaves no timer when it has ended', async () => {
    const timers = jest.spyOn(globalThis, 'setTimeout')
    const sockets = new WebSocketServer({ server })
    const waiting = make(url, { acquireWaitForTimeout: 61 }).acquireRelukko('a', null, 0.5)
    await eventually(() => expect(sockets.clients.size).toBe(1))
    expect(await waiting).toBeNull()
    await eventually(() => expect(sockets.clients.size).toBe(0))
    expect(timers).toHaveBeenCalled()
    expect(timers.mock.calls.map(([, ms]) => ms)).not.toContain(61_000)
    timers.mockRestore()
    sockets.close()
  })

  describe('while the WebSocket is not answered', () => {
    let upgrades: Socket[]
    beforeEach(() => {
      upgrades = []
      server.on('upgrade', (_request, socket: Socket) => {
        upgrades.push(socket.on('error', () => {}).resume())
      })
    })
    afterEach(() => upgrades.forEach(socket => socket.destroy()))

    it('ends in time', async () => {
      const waiting = make(url, { wsWaitForTimeout: 60 }).acquireRelukko('a', null, 0.5)
      expect(await took(waiting)).toBeLessThan(2_500)
      expect(await waiting).toBeNull()
      expect(upgrades).toHaveLength(1)
    })

    it.each(['its signal', 'the end of the client'])('ends by %s', async by => {
      const abort = new AbortController()
      const client = make(url, { wsWaitForTimeout: 60, signal: abort.signal })
      const waiting = client.acquireRelukko('a', null, 60)
      waiting.catch(() => {})
      await eventually(() => expect(upgrades).toHaveLength(1))
      if (by === 'its signal') abort.abort(new Error('closed by its signal'))
      else await client.close()
      expect(await took(waiting)).toBeLessThan(1_000)
      await expect(waiting).rejects.toThrow('closed')
      await eventually(() => expect(upgrades[0]!.readable).toBe(false))
    })
  })

  it('does not repeat a try past its time', async () => {
    answer = response => json(response, posts === 1 ? 409 : 503, { status: 503, message: 'down' })
    const options = { disableWebsocket: true, acquireWaitForTimeout: 0.1, delay: 60 }
    const waiting = make(url, options).acquireRelukko('a', null, 0.5)
    expect(await took(waiting)).toBeLessThan(2_500)
    await expect(waiting).rejects.toMatchObject({ status: 503 })
    expect(posts).toBe(2)
  })

  it('goes on where it has begun when the client is reconfigured, and ends by the signal that it was given', async () => {
    const abort = new AbortController()
    const options = { disableWebsocket: true, acquireWaitForTimeout: 0.05, signal: abort.signal }
    const client = make(url, options)
    const [first, second] = ['a', 'b'].map(name => client.acquireRelukko(name, null, 60)) as [
      Promise<unknown>,
      Promise<unknown>,
    ]
    await eventually(() => expect(posts).toBeGreaterThan(3))
    client.reconfigureRelukko({ baseUrl: 'http://127.0.0.1:1', options: { signal: null, tries: 1 } })
    const before = posts
    await eventually(() => expect(posts).toBeGreaterThan(before + 3))
    let given = 0
    answer = response => (given++ === 0 ? json(response, 201, LOCK) : json(response, 409, {}))
    expect(await Promise.race([first, second])).toMatchObject({ id: ID })
    abort.abort(new Error('enough'))
    const ends = await Promise.allSettled([first, second])
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(ends.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { message: 'enough' } })
  })
})
