/** Who is signed in, what proves that a request comes from this page, and which prefixes there are. */
export let session

/** Leads to the sign-in when nobody is signed in. */
export async function openSession() {
  session = await get('/session')
}

const path = ({ prefix, name }, id = '') =>
  `/v2/locks/${encodeURIComponent(prefix)}/${encodeURIComponent(name)}${id && `/${encodeURIComponent(id)}`}`
const relukkoPath = (id, route = '') => `/v1/locks/${encodeURIComponent(id)}${route}`
/** Whether it lives where Relukko's clients see it. */
export const isRelukko = ({ prefix }) => prefix === session.prefix
/** As those who use it know it. */
export const nameOf = lock => (isRelukko(lock) ? lock.lock_name : lock.name)
export const titleOf = lock => `${lock.prefix}/${nameOf(lock)}`

export const call = {
  locks: () => get('/v2/locks'),
  lock: (prefix, name) => get(path({ prefix, name })),
  create: (prefix, name, owner, ttl) =>
    isRelukko({ prefix })
      ? send('POST', '/v1/locks', { lock_name: name, creator: owner || null, ttl })
      : send('POST', path({ prefix, name }), { ttl, ...(owner && { owner }) }),
  /** What is undefined stays. */
  change: (lock, holder, { owner, expires, ttl }) =>
    isRelukko(lock)
      ? send('PUT', relukkoPath(holder.id), { creator: owner, expires_at: expires })
      : send('PUT', path(lock, holder.id), { ttl }),
  keepAlive: (lock, holder, seconds) =>
    isRelukko(lock)
      ? send('PUT', relukkoPath(holder.id, '/keep_alive'), { seconds })
      : send('PUT', path(lock, holder.id), { ttl: seconds }),
  release: (lock, holder, reason) =>
    send('DELETE', `${path(lock, holder.id)}?reason=${encodeURIComponent(reason)}`),
  signOut: () => send('POST', '/sign-out'),
}

async function get(url) {
  return answerOf(await fetch(url))
}

async function send(method, url, body) {
  const headers = { 'x-csrf-token': session.csrf, ...(body && { 'content-type': 'application/json' }) }
  return answerOf(await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) }))
}

async function answerOf(response) {
  if (response.status === 403) location.assign('/sign-in')
  const body = await response.json()
  if (!response.ok) throw new Error(body.message ?? `The server has answered with ${response.status}.`)
  return body
}
