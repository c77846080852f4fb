import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Pool } from 'undici'
import { KEY } from './served.js'

export interface Load {
  /** POST and DELETE, one after the other, on all connections together. */
  readonly cyclesPerSecond: number
  /** Milliseconds of each request. */
  readonly latencies: readonly number[]
}

interface Answer {
  readonly id: string
}

/** Clients of a server, each with a connection of its own and a lock name of its own. */
export class Clients {
  private serial = 0

  private constructor(
    private readonly pool: Pool,
    private readonly connections: number,
  ) {}

  /** Loads undici here, since the process of the server begins with the same file and has no use for it. */
  static async open(url: string, connections: number): Promise<Clients> {
    const { Pool } = await import('undici')
    return new Clients(new Pool(url, { connections, pipelining: 1 }), connections)
  }

  async cycle(seconds: number): Promise<Load> {
    const latencies: number[] = []
    const start = performance.now()
    const end = start + seconds * 1000
    await this.each(async number => {
      while (performance.now() < end) {
        const taken = performance.now()
        const { id } = await this.ask('POST', '/v1/locks', { lock_name: `measured ${number}`, creator: null })
        const released = performance.now()
        await this.ask('DELETE', `/v1/locks/${id}`)
        latencies.push(released - taken, performance.now() - released)
      }
    })
    return { cyclesPerSecond: (latencies.length / 2 / (performance.now() - start)) * 1000, latencies }
  }

  /** Takes so many locks, and resolves to their ids. */
  async hold(locks: number): Promise<string[]> {
    const ids: string[] = []
    await this.each(async () => {
      while (this.serial < locks) {
        const lock_name = `held ${this.serial++}`
        ids.push((await this.ask('POST', '/v1/locks', { lock_name, creator: 'measure' })).id)
      }
    })
    return ids
  }

  async release(ids: string[]): Promise<void> {
    await this.each(async () => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) await this.ask('DELETE', `/v1/locks/${id}`)
    })
  }

  async ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await this.pool.request({
      method,
      path,
      headers: { 'x-api-key': KEY, ...json },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    if (answer.statusCode > 201)
      throw new Error(`${method} ${path} was answered with ${answer.statusCode}: ${text}`)
    return JSON.parse(text) as Answer
  }

  /** Reads an answer without looking into it, so that this process is not busy with a long one. */
  async skim(path: string): Promise<void> {
    const answer = await this.pool.request({ method: 'GET', path, headers: { 'x-api-key': KEY } })
    await pipeline(answer.body, new Writable({ write: (_chunk, _encoding, done) => done() }))
    if (answer.statusCode !== 200) throw new Error(`GET ${path} was answered with ${answer.statusCode}`)
  }

  close(): Promise<void> {
    return this.pool.close()
  }

  private async each(work: (number: number) => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: this.connections }, (_, number) => work(number)))
  }
}
