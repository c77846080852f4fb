import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Access } from '../auth/access.js'
import { HttpError } from '../http/http-error.js'
import type { Sessions } from '../auth/sessions.js'

const FOLDER = join(import.meta.dirname, 'static')
const TYPES = { html: 'text/html; charset=utf-8', css: 'text/css', js: 'text/javascript' } as const
/** They show nothing of any lock. */
const SCRIPTS = ['call', 'dialogs', 'history', 'live', 'locks', 'reading', 'row', 'rows', 'text']
const OPEN_FILES = [
  'base.css',
  'page.css',
  'page.js',
  'sign-in.js',
  ...SCRIPTS.map(name => `page-${name}.js`),
]
const SECURITY = {
  'content-security-policy':
    "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** The page for people, behind a sign-in. */
export function addPage(
  server: FastifyInstance,
  access: Access,
  sessions: Sessions | undefined,
  prefixes: readonly string[],
): void {
  const file = async (reply: FastifyReply, name: string): Promise<FastifyReply> => {
    const type = TYPES[name.split('.').at(-1) as keyof typeof TYPES]
    return reply
      .type(type)
      .headers(SECURITY)
      .send(await readFile(join(FOLDER, name)))
  }
  for (const name of OPEN_FILES) server.get(`/${name}`, (_request, reply) => file(reply, name))
  const userOf = ({ headers }: FastifyRequest): ReturnType<Sessions['find']> => sessions?.find(headers.cookie)
  const known = (): Sessions => {
    if (sessions) return sessions
    throw new HttpError(404, 'There is no page: RELUKKO_USER and RELUKKO_PASSWORD are not set.')
  }

  server.get('/', (request, reply) => {
    known()
    return userOf(request) ? file(reply, 'index.html') : reply.redirect('/sign-in', 303)
  })
  server.get('/favicon.ico', (_request, reply) => reply.status(204).send())
  server.get('/sign-in', (request, reply) => {
    known()
    return userOf(request) ? reply.redirect('/', 303) : file(reply, 'sign-in.html')
  })
  server.post('/sign-in', async (request, reply) => {
    checkOrigin(request)
    const { user, password } = (request.body ?? {}) as { user?: unknown; password?: unknown }
    const answer = access.signIn(request.ip, () => known().open(user, password))
    if ('problem' in answer) return reply.redirect(`/sign-in?problem=${answer.problem}`, 303)
    return reply.header('set-cookie', answer.cookie).redirect('/', 303)
  })
  server.get('/session', (request, reply) => {
    void reply.header('cache-control', 'no-store')
    const session = userOf(request)
    if (!session) throw new HttpError(403, 'Nobody is signed in.')
    return { ...session, prefix: prefixes[0], prefixes }
  })
  server.post('/sign-out', (request, reply) => {
    access.check(request)
    known().end(request.headers.cookie)
    return reply.header('set-cookie', known().closed).send({ status: 200, message: 'Signed out.' })
  })
}

/** Another site must not be able to sign a user in. @throws HttpError 403 */
function checkOrigin({ headers, host }: FastifyRequest): void {
  const site = headers['sec-fetch-site']
  // Browsers that do not say so name at least the origin; what is no browser names none.
  const isOwn =
    site === undefined ? isOrigin(headers.origin, host) : ['same-origin', 'none'].includes(String(site))
  if (!isOwn) throw new HttpError(403, 'Sign in from this page only.')
}

function isOrigin(origin: string | undefined, host: string): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
}
