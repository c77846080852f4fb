export { RelukkoServer } from './server.js'
export type { ServerOptions } from './server-options.js'
export type { SignIn } from './auth/sessions.js'
export type { TlsOptions } from './http/http.js'
