import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { RelukkoClient, type RelukkoClientOptions } from '../../lib/relukko/index.js'
import { eventually } from '../support/eventually.js'
import { RELUKKO_LOCK as LOCK } from '../support/relukko-lock.js'
import { spawnTs } from '../support/run-ts.js'

/** Seconds that no other timer takes. */
const PAUSE = 61

describe('A waiter', () => {
  let server: Server
  let sockets: WebSocketServer | undefined
  let url: string
  let posts: number
  let upgrades: number
  let answer: (response: ServerResponse) => void
  let kill: () => unknown = () => {}
  const clients: RelukkoClient[] = []

  const json = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const make = (options: RelukkoClientOptions): RelukkoClient => {
    const client = new RelukkoClient(url, 'a secret of the test', options)
    clients.push(client)
    return client
  }
  const open = (meet: (socket: WebSocket) => void = () => {}): WebSocketServer => {
    sockets = new WebSocketServer({ server, autoPong: false })
    return sockets.on('connection', socket => {
      upgrades++
      meet(socket)
    })
  }
  beforeEach(async () => {
    posts = upgrades = 0
    answer = response => json(response, 409, { status: 409, message: 'held' })
    server = createServer((request, response) => {
      if (request.method !== 'POST') {
        upgrades++
        return response.writeHead(404).end()
      }
      posts++
      answer(response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    jest.restoreAllMocks()
    kill()
    await Promise.all(clients.splice(0).map(client => client.close()))
    sockets?.close()
    sockets = undefined
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  // A timer of the pause, and one from the end of a WebSocket to the next.
  describe.each<[string, number, () => void]>([
    ['where there is no WebSocket', 1, () => {}],
    ['whose WebSocket was cut', 2, () => open(socket => socket.terminate())],
  ])('%s', (_, pauses, prepare) => {
    it.each(['its signal', 'the end of the client'])('is ended in a pause by %s', async by => {
      prepare()
      const timers = jest.spyOn(globalThis, 'setTimeout')
      const abort = new AbortController()
      const client = make({ acquireWaitForTimeout: PAUSE, acquireModulo: 1, signal: abort.signal })
      const waiting = client.acquireRelukko('a', null, 600)
      waiting.catch(() => {})
      await eventually(() =>
        expect(timers.mock.calls.filter(([, ms]) => ms === PAUSE * 1000)).toHaveLength(pauses),
      )
      if (by === 'its signal') abort.abort(new Error('closed by its signal'))
      else await client.close()
      await expect(waiting).rejects.toThrow('closed')
      // What nobody listens to is thrown now.
      await setImmediate()
      await client.close()
      expect(upgrades).toBe(1)
    })
  })

  // After an answer it looks at the clock before it opens a WebSocket, and for how long that may take.
  it.each([1, 2])('hears of no error when it is ended right before a WebSocket, at look %d', async last => {
    const abort = new AbortController()
    const now = performance.now.bind(performance)
    let looks = 0
    jest.spyOn(performance, 'now').mockImplementation(() => {
      if (posts === 1 && ++looks === last) abort.abort(new Error('enough'))
      return now()
    })
    const waiting = make({ signal: abort.signal }).acquireRelukko('a', null, 600)
    await expect(waiting).rejects.toThrow('enough')
    await setImmediate()
    expect(posts).toBe(1)
  })

  describe('of a server that hangs after its first answer', () => {
    let hanging: ServerResponse[]
    beforeEach(() => {
      hanging = []
      const held = answer
      answer = response => (posts === 1 ? held(response) : hanging.push(response))
    })
    const options = { disableWebsocket: true, acquireWaitForTimeout: 0.1, timeout: 10 }

    it('ends soon after its time with null', async () => {
      const start = performance.now()
      expect(await make(options).acquireRelukko('a', null, 0.5)).toBeNull()
      const took = performance.now() - start
      expect(took).toBeGreaterThan(1_000)
      expect(took).toBeLessThan(3_000)
      // No answer will be heard: a server can see that, and take nothing.
      await eventually(() => expect(hanging[0]!.closed).toBe(true))
    })

    it('ends with null also when an answer may take no longer than until its time', async () => {
      expect(await make({ ...options, timeout: 0.6 }).acquireRelukko('a', null, 0.5)).toBeNull()
      expect(posts).toBe(2)
    })

    it('throws when it is told to', async () => {
      const waiting = make({ ...options, raiseWhenAcquireFails: true }).acquireRelukko('a', null, 0.2)
      await expect(waiting).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE', key: 'a' })
    })

    it('takes a lock whose answer is a little late', async () => {
      const waiting = make(options).acquireRelukko('a', null, 0.3)
      await eventually(() => expect(hanging).toHaveLength(1))
      setTimeout(() => json(hanging[0]!, 201, LOCK), 600)
      expect(await waiting).toMatchObject({ id: LOCK.id })
    })

    it.each(['its signal', 'the end of the client'])('ends by %s, also past its time', async by => {
      const abort = new AbortController()
      const client = make({ ...options, signal: abort.signal })
      const end = performance.now() + 200
      const waiting = client.acquireRelukko('a', null, 0.2)
      waiting.catch(() => {})
      await eventually(() => expect(performance.now()).toBeGreaterThan(end))
      if (by === 'its signal') abort.abort(new Error('closed by its signal'))
      else await client.close()
      await expect(waiting).rejects.toThrow('closed')
    })
  })

  // One that is set for longer fires at once.
  it.each<[string, RelukkoClientOptions, (socket: WebSocket) => void]>([
    ['a ping', { wsPingInterval: 3e6 }, () => {}],
    ['the answer of a ping', { wsPingInterval: 0.01, wsPingTimeout: 3e6 }, () => {}],
    ['the next WebSocket', { acquireWaitForTimeout: 3e6 }, socket => socket.terminate()],
  ])('sets no timer for longer than timers can: before %s', async (_, options, meet) => {
    const [timeout, interval] = [jest.spyOn(globalThis, 'setTimeout'), jest.spyOn(globalThis, 'setInterval')]
    const longest = 2 ** 31 - 1
    open(meet)
    const client = make(options)
    const waiting = client.acquireRelukko('a', null, 600)
    waiting.catch(() => {})
    await eventually(() => {
      const set = [...timeout.mock.calls, ...interval.mock.calls].map(([, ms = 0]) => ms)
      expect(set).toContain(longest)
      expect(set.filter(ms => ms > longest)).toEqual([])
    }, 5_000)
    await client.close()
    await expect(waiting).rejects.toThrow('closed')
  })

  describe('for what others delete', () => {
    const frame = (lockName: unknown): string => JSON.stringify({ deleted: { lock_name: lockName } })
    const free = (): void => void (answer = response => json(response, 201, LOCK))
    const patient = { acquireWaitForTimeout: PAUSE }

    it('sees what was deleted before its WebSocket was open', async () => {
      const held = answer
      answer = response => {
        held(response)
        free()
      }
      open()
      expect(await make(patient).acquireRelukko('a', null, 600)).toMatchObject({ id: LOCK.id })
      expect(posts).toBe(2)
    })

    it('tries again when it hears of it during a try', async () => {
      let said: WebSocket
      open(socket => (said = socket))
      const held = answer
      answer = response => {
        if (posts === 1) return held(response)
        free()
        said.send(frame('a'))
        // When it has answered, it has heard that.
        said.ping()
        said.once('pong', () => held(response))
      }
      expect(await make(patient).acquireRelukko('a', null, 600)).toMatchObject({ id: LOCK.id })
      expect(posts).toBe(3)
    })

    it.each([
      ['Straße', 'STRASSE'],
      ['A lock', 'a lock'],
      ['é', 'e\u0301'],
      ['a b', 'a%20b'],
    ])('tells the name %j from %j', async (name, other) => {
      let said: WebSocket
      open(socket => (said = socket))
      const waiting = make(patient).acquireRelukko(name, null, 600)
      await eventually(() => expect(posts).toBe(2))
      free()
      for (const words of [frame(other), '{"deleted":null}', '{"created":{}}', 'no JSON']) said!.send(words)
      // By the first answer these are heard, and by the last a try that followed would have come.
      for (let round = 0; round < 3; round++) {
        said!.ping()
        await once(said!, 'pong')
      }
      expect(posts).toBe(2)
      said!.send(frame(name))
      expect(await waiting).toMatchObject({ id: LOCK.id })
      expect(posts).toBe(3)
    })

    it('hears of it from where it has begun, also when it was reconfigured, and leaves no WebSocket', async () => {
      let said: WebSocket
      const { clients: opened } = open(socket => (said = socket))
      const client = make(patient)
      const waiting = client.acquireRelukko('a', null, 600)
      await eventually(() => expect(posts).toBe(2))
      client.reconfigureRelukko({ baseUrl: 'http://127.0.0.1:1', options: { disableWebsocket: true } })
      free()
      said!.send(frame('a'))
      expect(await waiting).toMatchObject({ id: LOCK.id })
      await eventually(() => expect(opened.size).toBe(0))
    })
  })

  it.each([
    ['its time', 4, null, 'null'],
    ['its signal', 600, 'abort', 'aborted'],
    ['the end of the client', 600, 'close', 'The client was closed.'],
  ])('is ended by %s, and leaves nothing that keeps its process', async (_, seconds, order, said) => {
    const { clients: opened } = open()
    const child = await spawnTs('spec/support/waiting-client.ts', [url, 'a', String(seconds)])
    kill = () => child.kill()
    const [ended, saying] = [once(child, 'exit'), text(child.stdout!)]
    await eventually(() => expect([posts, opened.size]).toEqual([2, 1]))
    if (order) child.stdin!.write(order)
    const start = performance.now()
    expect(await saying).toBe(said)
    expect(await ended).toEqual([0, null])
    expect(performance.now() - start).toBeLessThan(15_000)
    await eventually(() => expect(opened.size).toBe(0))
  })
})
