import { getEventListeners } from 'node:events'
import { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { expect, it } from '@jest/globals'
import { untilDisconnected } from '../../lib/server/http/until-disconnected.js'

const requestOn = (socket: Socket): FastifyRequest => ({ raw: { socket } }) as unknown as FastifyRequest

it('does nothing for a client that has gone before', async () => {
  const socket = new Socket()
  socket.destroy()
  await new Promise(resolve => setImmediate(resolve))
  let isBegun = false
  const work = untilDisconnected(requestOn(socket), new AbortController().signal, async () => {
    isBegun = true
    return Promise.resolve()
  })
  await expect(work).rejects.toMatchObject({ status: 499 })
  expect(isBegun).toBe(false)
})

it('tells the work that the client goes, and leaves no listener', async () => {
  const socket = new Socket()
  const work = untilDisconnected(
    requestOn(socket),
    new AbortController().signal,
    signal =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  )
  socket.destroy()
  await expect(work).rejects.toMatchObject({ status: 499 })
  expect(socket.listenerCount('close')).toBe(0)
})

it('costs a connection the same for any number of requests, and nothing once it is closed', async () => {
  const socket = new Socket()
  const ending = new AbortController()
  const signals = new Set<AbortSignal>()
  for (let request = 0; request < 100; request++) {
    await untilDisconnected(requestOn(socket), ending.signal, signal => Promise.resolve(signals.add(signal)))
  }
  expect(signals.size).toBe(1)
  expect(socket.listenerCount('close')).toBe(1)
  expect(getEventListeners(ending.signal, 'abort')).toHaveLength(1)
  socket.destroy()
  await new Promise(resolve => setImmediate(resolve))
  expect(getEventListeners(ending.signal, 'abort')).toHaveLength(0)
})

it('tells the work on every connection that the server ends', async () => {
  const ending = new AbortController()
  const works = [new Socket(), new Socket()].map(socket =>
    untilDisconnected(
      requestOn(socket),
      ending.signal,
      signal =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    ),
  )
  const reason = new Error('the server ends')
  ending.abort(reason)
  for (const work of works) await expect(work).rejects.toBe(reason)
  await expect(
    untilDisconnected(requestOn(new Socket()), ending.signal, () => Promise.resolve()),
  ).rejects.toBe(reason)
})
