export { RelukkoServer } from './server.js'
export type { ServerOptions } from './server-options.js'
