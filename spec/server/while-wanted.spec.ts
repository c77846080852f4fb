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
