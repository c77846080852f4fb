export { RelukkoServer, type ServerOptions } from './server.js'
