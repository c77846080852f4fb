import { once } from 'node:events'
import {
  type ClientHttp2Stream,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { framed } from '../../../lib/store/etcd/http2/frames.js'
import { MessageStream } from '../../../lib/store/etcd/http2/message-stream.js'
import { Session } from '../../../lib/store/etcd/http2/session.js'
import { callOnce } from '../../../lib/store/etcd/http2/unary-call.js'
import { classify } from '../../../lib/store/etcd/classify.js'
import type { StoreError } from '../../../lib/store/store-error.js'
import { eventually } from '../../support/eventually.js'

// What an etcd does not say, or not when a test wants it: a server that answers as it is told.

type Answer = (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void

const OK = { ':status': 200, 'content-type': 'application/grpc' }
const message = Buffer.from('question')
let server: Http2Server
let session: Session
let answer: Answer
let sessions: ServerHttp2Session[]
let heard: number

beforeEach(async () => {
  sessions = []
  heard = 0
  server = createServer()
  server.on('session', each => sessions.push(each))
  server.on('stream', (stream: ServerHttp2Stream, headers) => answer(stream, headers))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  session = new Session(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    undefined,
    () => heard++,
  )
})

afterEach(() => {
  session.close('the test is over')
  for (const each of sessions) each.destroy()
  server.close()
})

const call = (withinMs = 5_000, token?: Promise<string | undefined>): Promise<Buffer> =>
  callOnce(session, { path: '/a.B/C', message, deadline: performance.now() + withinMs, token })

const failure = async (): Promise<Pick<StoreError, 'reason' | 'message'>> => {
  const { reason, message: words } = classify(await call().catch((thrown: unknown) => thrown))
  return { reason, message: words }
}

/** Answers with these messages, and then with the status. */
const answering =
  (messages: readonly Buffer[], trailers: Record<string, string> = { 'grpc-status': '0' }): Answer =>
  stream => {
    stream.respond(OK, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    for (const each of messages) stream.write(each)
    stream.end()
  }

it('a call brings its message, its deadline and its token, and resolves to the answer', async () => {
  const seen: Record<string, unknown>[] = []
  const asked: Buffer[] = []
  answer = (stream, headers) => {
    seen.push(headers)
    stream.on('data', (piece: Buffer) => asked.push(piece))
    stream.on('end', () => answering([framed(Buffer.from('answer'))])(stream, headers))
  }
  expect(String(await call(4_999.5, Promise.resolve('secret')))).toBe('answer')
  expect(Buffer.concat(asked)).toStrictEqual(framed(message))
  expect(seen).toMatchObject([{ ':path': '/a.B/C', token: 'secret', hasleader: 'true', te: 'trailers' }])
  const left = Number(/^(\d+)m$/.exec(String(seen[0]!['grpc-timeout']))![1])
  expect(left).toBeGreaterThan(4_000)
  expect(left).toBeLessThanOrEqual(5_000)
})

it('an answer that comes in pieces is whole', async () => {
  const frame = framed(Buffer.from('answer'))
  answer = answering([frame.subarray(0, 3), frame.subarray(3, 7), frame.subarray(7)])
  expect(String(await call())).toBe('answer')
})

it.each([
  [
    'in its headers',
    (stream: ServerHttp2Stream, status: object) => stream.respond({ ...OK, ...status }, { endStream: true }),
  ],
  [
    'in its trailers',
    (stream: ServerHttp2Stream, status: Record<string, string>) => answering([], status)(stream, {}),
  ],
])('a refusal that comes %s has its code and its words', async (_, refuse) => {
  answer = stream => refuse(stream, { 'grpc-status': '9', 'grpc-message': 'etcdserver: is full, 100%25' })
  expect(await failure()).toEqual({
    reason: 'refused',
    message: 'etcdserver: is full, 100%',
  })
})

it.each([
  ['a proxy has no server', { ':status': 503 }, 'Received HTTP status code 503'],
  ['there is something else', { ':status': 404 }, 'Received HTTP status code 404'],
  ['it wants somebody to sign in', { ':status': 200 }, 'Received HTTP status code 200, and text/html'],
])('an answer that is not of etcd is no refusal: %s', async (_, headers, words) => {
  answer = stream => {
    stream.respond({ 'content-type': 'text/html', ...headers })
    stream.end('<html>')
  }
  expect(await failure()).toEqual({
    reason: 'unreachable',
    message: expect.stringContaining(words),
  })
})

it.each<[what: string, answer: Answer, words: string]>([
  ['has no status', stream => stream.respond(OK, { endStream: true }), 'the connection was closed'],
  ['has no message', answering([]), 'the answer is empty'],
  ['is compressed', answering([Buffer.from([1, 0, 0, 0, 0])]), 'compressed'],
  ['is broken off', stream => stream.on('error', () => {}).close(2), 'INTERNAL_ERROR'],
])('an answer that %s may have been applied', async (_, how, words) => {
  answer = how
  expect(await failure()).toEqual({
    reason: 'unreachable',
    message: expect.stringMatching(words),
  })
})

it('a call ends at its deadline, and is broken off', async () => {
  const closed: number[] = []
  answer = stream => stream.on('close', () => closed.push(stream.rstCode))
  await expect(call(100)).rejects.toThrow(/Deadline exceeded after 0\.(09|1\d)\ds/)
  await eventually(() => expect(closed).toStrictEqual([8]))
})

it('nothing is heard of a member that does not answer when a call is given up', async () => {
  answer = () => {}
  const before = sessions.length
  await expect(call(100)).rejects.toThrow('Deadline exceeded')
  await eventually(() => expect(sessions).toHaveLength(before + 1))
  expect(heard).toBe(0)
})

it('a deadline that has passed is said in words that are known', async () => {
  answer = () => {}
  expect((await call(-5).catch((error: unknown) => classify(error))) as StoreError).toMatchObject({
    reason: 'unreachable',
  })
  await expect(call(-5)).rejects.toThrow('Deadline exceeded after 0.000s')
})

it('a call ends at its deadline while its token is waited for', async () => {
  answer = () => {}
  await expect(call(100, new Promise(() => {}))).rejects.toThrow('Deadline exceeded')
})

it('what is under way ends with its connection, and the next call makes another', async () => {
  answer = () => sessions[0]!.destroy()
  expect((await failure()).reason).toBe('unreachable')
  answer = answering([framed(message)])
  await call()
  expect(sessions).toHaveLength(2)
})

it('a server that is going to end still answers what it has taken, and gets nothing more', async () => {
  let finish: (() => void) | undefined
  answer = (stream, headers) => {
    finish = () => answering([framed(Buffer.from('late'))])(stream, headers)
  }
  const early = call()
  await eventually(() => expect(finish).toBeDefined())
  sessions[0]!.goaway()
  await once(sessions[0]!, 'goaway').catch(() => {})
  finish!()
  expect(String(await early)).toBe('late')
  answer = answering([framed(message)])
  await call()
})

it('a connection to nobody says so', async () => {
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await expect(call()).rejects.toThrow(`14 UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:${port}`)
})

it('a stream tells of messages in both directions, and once of its end', async () => {
  answer = stream => {
    stream.respond(OK, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '7', 'grpc-message': 'no' }))
    stream.on('data', (piece: Buffer) => {
      stream.write(piece)
      if (String(piece).endsWith('end')) stream.end()
    })
  }
  const told: unknown[] = []
  const codec = { encode: (text: string) => Buffer.from(text), decode: String }
  const stream = new MessageStream(session, { path: '/a.B/S', token: undefined }, codec)
  const ended = new Promise<Error | undefined>(resolve => {
    stream.listen({ onMessage: text => told.push(text), onEnd: resolve })
  })
  stream.write('one')
  await eventually(() => expect(told).toStrictEqual(['one']))
  stream.write('the end')
  expect(await ended).toMatchObject({ code: 7, message: '7 PERMISSION_DENIED: no' })
  expect(told).toStrictEqual(['one', 'the end'])
})

it('a stream that is cancelled tells nothing more, and the server hears of it', async () => {
  let opened: ServerHttp2Stream | undefined
  answer = stream => {
    opened = stream
    stream.respond(OK)
    stream.on('error', () => {})
  }
  const told: unknown[] = []
  const codec = { encode: (text: string) => Buffer.from(text), decode: String }
  const stream = new MessageStream(session, { path: '/a.B/S', token: undefined }, codec)
  stream.listen({ onMessage: text => told.push(text), onEnd: error => told.push(error) })
  await eventually(() => expect(opened).toBeDefined())
  stream.cancel()
  await eventually(() => expect(opened!.rstCode).toBe(8))
  expect(told).toStrictEqual([])
})

it('a server that takes few streams at once gets no more of them', async () => {
  server.close()
  server = createServer({ settings: { maxConcurrentStreams: 3 } })
  let most = 0
  let now = 0
  server.on('session', each => sessions.push(each))
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    most = Math.max(most, ++now)
    setImmediate(() => {
      now--
      answering([framed(message)])(stream, headers)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  session = new Session(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, undefined, () => {})
  await Promise.all(Array.from({ length: 100 }, () => call()))
  expect(most).toBeLessThanOrEqual(3)
  expect(sessions).toHaveLength(1)
})

it.each([
  ['without a token', undefined],
  ['with a token', Promise.resolve('secret')],
])('what a server refuses to look at is sent again, once, %s', async (_, token) => {
  const REFUSED_STREAM = 7
  let asked = 0
  answer = (stream, headers) => {
    asked++
    stream.on('error', () => {})
    if (asked === 1) stream.close(REFUSED_STREAM)
    else answering([framed(Buffer.from('answer'))])(stream, headers)
  }
  expect(String(await call(5_000, token))).toBe('answer')
  expect(asked).toBe(2)
  answer = stream => {
    asked++
    stream.on('error', () => {})
    stream.close(REFUSED_STREAM)
  }
  expect((await failure()).reason).toBe('unreachable')
  expect(asked).toBe(4)
})

it('a call that came too late for a server which is going to end goes to the next', async () => {
  const FIRST_STREAM = 1
  let asked = 0
  answer = (stream, headers) => {
    asked++
    if (asked !== 2) return answering([framed(Buffer.from('answer'))])(stream, headers)
    stream.on('error', () => {})
    sessions[0]!.goaway(0, FIRST_STREAM)
  }
  await call()
  expect(String(await call())).toBe('answer')
  expect(asked).toBe(3)
  expect(sessions).toHaveLength(2)
})

it('the code of a connection that ends says nothing of what it has taken', async () => {
  const REFUSED_STREAM = 7
  let asked = 0
  answer = stream => {
    asked++
    stream.on('error', () => {})
    sessions[0]!.goaway(REFUSED_STREAM)
    sessions[0]!.destroy()
  }
  expect((await failure()).reason).toBe('unreachable')
  expect(asked).toBe(1)
})

it('a stream that is ended without a status has ended', async () => {
  answer = stream => {
    stream.respond(OK)
    stream.end()
  }
  const codec = { encode: (text: string) => Buffer.from(text), decode: String }
  const stream = new MessageStream(session, { path: '/a.B/S', token: undefined }, codec)
  const ended = new Promise<Error | undefined>(resolve => {
    stream.listen({ onMessage: () => {}, onEnd: resolve })
  })
  expect((await ended)?.message).toBe('14 UNAVAILABLE: the stream was broken off')
})

it('once it is closed it connects no more', async () => {
  session.close('another member has answered')
  answer = answering([framed(message)])
  await expect(call()).rejects.toThrow('14 UNAVAILABLE: another member has answered')
  const stream = new MessageStream(
    session,
    { path: '/a.B/S', token: undefined },
    { encode: (text: string) => Buffer.from(text), decode: String },
  )
  const ended = new Promise<Error | undefined>(resolve => {
    stream.listen({ onMessage: () => {}, onEnd: resolve })
  })
  expect((await ended)?.message).toContain('another member has answered')
  expect(sessions).toHaveLength(0)
})

it('it closes the connections that a server was going to end, too', async () => {
  let taken = 0
  answer = () => taken++
  const early = call()
  await eventually(() => expect(taken).toBe(1))
  sessions[0]!.goaway()
  answer = answering([framed(message)])
  await eventually(async () => {
    await call()
    expect(sessions).toHaveLength(2)
  })
  const ends = Promise.all(sessions.map(each => once(each, 'close')))
  session.close('the test is over')
  await expect(early).rejects.toThrow('14 UNAVAILABLE: the test is over')
  await ends
})

it('a fault of a listener is not taken for one of the stream', () => {
  const wire = new PassThrough() as unknown as ClientHttp2Stream
  const codec = { encode: (text: string) => Buffer.from(text), decode: String }
  const stream = new MessageStream(session, { path: '/a.B/S', token: undefined }, codec)
  const ends: unknown[] = []
  stream.onStream(wire)
  stream.listen({
    onMessage: () => {
      throw new Error('my own fault')
    },
    onEnd: error => ends.push(error),
  })
  expect(() => wire.emit('data', framed(message))).toThrow('my own fault')
  expect(ends).toStrictEqual([])
  wire.destroy()
})
