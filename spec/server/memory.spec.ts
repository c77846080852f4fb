import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { spawnTs } from '../support/run-ts.js'

const KEY = 'a secret of the test'
/** More than it remembers the snapshots of. */
const MANY = 1_100
/** Requests at once. */
const CLIENTS = 32
/** Bytes of the heap for each lock. One that is not forgotten by its server costs 1,600 after it has gone; a busy machine leaves some 600. */
const MOST = { held: 4_000, gone: 1_100 }

const etcd = useEtcdServer()
let child: ChildProcess
let url: string
let serial = 0

beforeAll(async () => {
  const options = { endpoints: etcd.get().endpoints, key: KEY }
  child = await spawnTs('spec/support/measured-server.ts', [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  url = ((await once(child, 'message')) as [string])[0]
}, 30_000)

afterAll(async () => {
  const exited = once(child, 'exit')
  child.disconnect()
  await exited
})

const heap = async (): Promise<number> => {
  child.send('?')
  return ((await once(child, 'message')) as [number])[0]
}

async function ask(method: string, path: string, body?: object): Promise<string> {
  const headers = { 'x-api-key': KEY, ...(body && { 'content-type': 'application/json' }) }
  const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  const { id, message } = (await answer.json()) as { id: string; message?: string }
  expect(message).toBeUndefined()
  return id
}

async function atOnce(work: () => Promise<unknown> | undefined): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let next = work(); next; next = work()) await next
  }
  await Promise.all(Array.from({ length: CLIENTS }, worker))
}

/** Each of a name of its own. */
async function take(count: number): Promise<string[]> {
  const ids: string[] = []
  let left = count
  await atOnce(() => {
    if (left-- <= 0) return undefined
    const body = { lock_name: `rack ${serial++}`, creator: 'a robot' }
    return ask('POST', '/v1/locks', body).then(id => ids.push(id))
  })
  return ids
}

const release = (ids: string[]): Promise<void> =>
  atOnce(() => {
    const id = ids.pop()
    return id === undefined ? undefined : ask('DELETE', `/v1/locks/${id}`)
  })

it(`keeps little of ${MANY} locks, and next to nothing once they are gone`, async () => {
  // Its caches are full then, and it has leases for the next as many.
  await release(await take(MANY))
  const before = await heap()
  const ids = await take(MANY)
  const held = ((await heap()) - before) / MANY
  await release(ids)
  const gone = async (): Promise<number> => ((await heap()) - before) / MANY
  // Names and leases rest for a moment before they are forgotten.
  await eventually(async () => expect(await gone()).toBeLessThan(MOST.gone))
  expect(held).toBeLessThan(MOST.held)
}, 120_000)
