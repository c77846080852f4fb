/** The user who is signed in, the token that proves that a request comes from this page, and the prefixes. */
export let session

/** After so long without an answer there will be none: the line may be dead without a word. */
const TIMEOUT_MS = 30_000

/** Redirects to the sign-in when there is no session. */
export async function openSession() {
  session = await get('/session')
}

/** A URL takes `.` and `..` for steps in its path, unless they stand behind a `/` that no name can hold. */
const step = text => (/^\.{1,2}$/.test(text) ? `%2F${text}` : encodeURIComponent(text))
const path = ({ prefix, name }, id) =>
  `/v2/locks/${step(prefix)}/${step(name)}${id === undefined ? '' : `/${step(id)}`}`
const relukkoPath = ({ id }, route = '') => `/v1/locks/${encodeURIComponent(id)}${route}`
/** Whether it was taken as Relukko's clients do, with a time at which it expires. */
export const isRelukko = ({ prefix }, holder) => prefix === session.prefix && holder.expires_at !== undefined
/** As the users of the API know it. */
export const nameOf = lock => (lock.prefix === session.prefix ? lock.lock_name : lock.name)
export const titleOf = lock => `${lock.prefix}/${nameOf(lock)}`

export const call = {
  /** With the revision than which the list is not older, also when it is empty. */
  locks: () => get('/v2/locks', (locks, headers) => ({ locks, revision: headers.get('x-revision') })),
  lock: lock => get(path(lock)),
  create: (prefix, name, owner, ttl) =>
    prefix === session.prefix
      ? send('POST', '/v1/locks', { lock_name: name, creator: owner || null, ttl })
      : send('POST', path({ prefix, name }), { ttl, ...(owner && { owner }) }),
  /** What is undefined stays. */
  change: (holder, owner, expires) =>
    send('PUT', relukkoPath(holder), { creator: owner, expires_at: expires }),
  keepAlive: (holder, seconds) => send('PUT', relukkoPath(holder, '/keep_alive'), { seconds }),
  extend: (lock, holder, ttl) => send('PUT', path(lock, holder.id), { ttl }),
  release: (lock, holder, reason) =>
    send('DELETE', `${path(lock, holder.id)}?reason=${encodeURIComponent(reason)}`),
  signOut: () => send('POST', '/sign-out'),
}

async function get(url, shape = body => body) {
  const response = await ask(url)
  if (response.status === 403) location.assign('/sign-in')
  return shape(await answerOf(response), response.headers)
}

async function send(method, url, body) {
  const attempt = () => {
    const headers = { 'x-csrf-token': session.csrf, ...(body && { 'content-type': 'application/json' }) }
    return ask(url, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  }
  let response = await attempt()
  if (response.status === 403) {
    // A new sign-in in another tab has replaced the token.
    await openSession()
    response = await attempt()
  }
  if (response.status === 403) location.assign('/sign-in')
  return answerOf(response)
}

async function ask(url, options) {
  try {
    return await fetch(url, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (cause) {
    const why = cause.name === 'TimeoutError' ? 'has not answered in time' : 'cannot be reached'
    throw new Error(`The server ${why}.`, { cause })
  }
}

async function answerOf(response) {
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  const error = new Error(body.message ?? `The server has answered with ${response.status}.`)
  throw Object.assign(error, { status: response.status })
}
