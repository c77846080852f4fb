import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { KEY, SIGN_IN } from '../support/pages.js'

let store: MemoryStore
let server: RelukkoServer
let url: string

beforeAll(async () => {
  store = new MemoryStore()
  server = await RelukkoServer.create({ store, apiKeys: { robots: KEY }, signIn: SIGN_IN })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  await server.close()
  await store.close()
})

const take = async (name: string): Promise<{ id: string }> => {
  const answer = await fetch(`${url}/v1/locks`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ lock_name: name }),
  })
  return (await answer.json()) as { id: string }
}
const signIn = async (password: string, address = url): Promise<Response> =>
  fetch(`${address}/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ user: SIGN_IN.user, password }),
    redirect: 'manual',
  })

const cookieOf = (answer: Response): string => answer.headers.get('set-cookie')!.split(';')[0]!

it('there is nothing without sign-in', async () => {
  const page = await fetch(url, { redirect: 'manual' })
  expect([page.status, page.headers.get('location')]).toEqual([303, '/sign-in'])
  for (const path of ['/session', '/v2/locks', '/v2/events', '/v1/locks']) {
    for (const cookie of ['', 'spicelock=', 'spicelock=a.b', `spicelock=${btoa('{"user":"ada"}')}.x`]) {
      expect((await fetch(url + path, { headers: { cookie } })).status).toBe(403)
    }
  }
})

it('a wrong password opens nothing, and is refused after many', async () => {
  const other = await RelukkoServer.create({ store, apiKeys: { robots: KEY }, signIn: SIGN_IN })
  const address = await other.listen({ port: 0 })
  const places: (string | null)[] = []
  for (let count = 0; count < 21; count++) {
    const answer = await signIn(`wrong ${count}`, address)
    expect(answer.headers.get('set-cookie')).toBeNull()
    places.push(answer.headers.get('location'))
  }
  expect(places.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => '/sign-in?problem=wrong'))
  expect(places[20]).toBe('/sign-in?problem=often')
  expect((await signIn(SIGN_IN.password, address)).headers.get('location')).toBe('/sign-in?problem=often')
  await other.close()
})

it('the cookie is for this site and the network only, and good for every server with the password', async () => {
  const answer = await signIn(SIGN_IN.password)
  expect(answer.headers.get('location')).toBe('/')
  expect(answer.headers.get('set-cookie')).toMatch(
    /^spicelock=\S+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/,
  )
  const cookie = cookieOf(answer)
  const others = [SIGN_IN, { ...SIGN_IN, password: 'a new one' }]
  const found = await Promise.all(
    others.map(async signInOfOther => {
      const other = await RelukkoServer.create({ store, apiKeys: { robots: KEY }, signIn: signInOfOther })
      const { status } = await fetch(`${await other.listen({ port: 0 })}/v2/locks`, { headers: { cookie } })
      await other.close()
      return status
    }),
  )
  expect(found).toEqual([200, 403])
})

it('changes nothing for a cookie without the token of the page', async () => {
  const cookie = cookieOf(await signIn(SIGN_IN.password))
  const { id } = await take('guarded')
  const { csrf } = (await (await fetch(`${url}/session`, { headers: { cookie } })).json()) as {
    csrf: string
  }
  const release = async (token: Record<string, string>): Promise<number> =>
    (await fetch(`${url}/v1/locks/${id}`, { method: 'DELETE', headers: { cookie, ...token } })).status
  expect(await release({})).toBe(403)
  expect(await release({ 'x-csrf-token': 'x' })).toBe(403)
  // These change something, and a link would do.
  expect((await fetch(`${url}/v1/locks/${id}/keep_alive`, { headers: { cookie } })).status).toBe(403)
  expect(await release({ 'x-csrf-token': csrf })).toBe(200)
})

it.each<[Record<string, string>, number]>([
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ 'sec-fetch-site': 'same-site' }, 403],
  [{ 'sec-fetch-site': 'same-origin' }, 303],
  [{ origin: 'https://elsewhere.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ origin: 'OWN' }, 303],
  [{}, 303],
])('another site signs nobody in: %j', async (headers, status) => {
  const answer = await fetch(`${url}/sign-in`, {
    method: 'POST',
    headers: { ...headers, ...(headers['origin'] === 'OWN' && { origin: url }) },
    body: new URLSearchParams(SIGN_IN),
    redirect: 'manual',
  })
  expect(answer.status).toBe(status)
})

it('who is signed in needs no sign-in, and what is no session is refused', async () => {
  const cookie = cookieOf(await signIn(SIGN_IN.password))
  const again = await fetch(`${url}/sign-in`, { headers: { cookie }, redirect: 'manual' })
  expect([again.status, again.headers.get('location')]).toEqual([303, '/'])
  const { csrf } = (await (await fetch(`${url}/session`, { headers: { cookie } })).json()) as { csrf: string }
  const [claim] = cookie.slice('spicelock='.length).split('.')
  const forged = { cookie: `spicelock=csrf ${claim}.${csrf}` }
  expect((await fetch(`${url}/v2/locks`, { headers: forged })).status).toBe(403)
})

it('there is no page where nobody may sign in', async () => {
  const other = await RelukkoServer.create({ store, apiKeys: { robots: KEY } })
  const address = await other.listen({ port: 0 })
  expect((await fetch(address)).status).toBe(404)
  expect((await signIn('undefined', address)).status).toBe(404)
  await other.close()
})
