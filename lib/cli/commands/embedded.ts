import { randomBytes } from 'node:crypto'
import type { EtcdServer } from '../../testing/etcd-server.js'
import { CliError, EXIT } from '../io/exit-codes.js'
import { say } from '../io/output.js'
import type { ConnectionOptions } from '../usage/shared-options.js'

/** @throws CliError when the command line names another etcd as well. */
export function checkEmbedded({ endpoints, config }: ConnectionOptions): void {
  const other = endpoints !== undefined ? '--endpoints' : config !== undefined ? '--config' : undefined
  if (other) throw new CliError(`--embedded and ${other} exclude each other`, EXIT.usage)
}

/** An etcd that ends with this process, and what a server needs to be tried out. */
export async function startEmbedded(): Promise<EtcdServer> {
  // Loaded here, so that a server with an etcd of its own does not load it.
  const { EtcdServer: Server } = await import('../../testing/etcd-server.js')
  const etcd = await Server.start()
  say(
    `for trying out: on an etcd of its own at ${etcd.endpoint}, which is gone, with all locks, when this ends`,
  )
  return etcd
}

/** Makes up the secrets that the environment lacks, and prints them. */
export function makeUpSecrets(): void {
  const { env } = process
  const made = (name: string, value: string): void => {
    env[name] = value
    say(`made up: ${name} ${value}`)
  }
  const secret = (): string => randomBytes(12).toString('base64url')
  if (!env['RELUKKO_API_KEY'] && !env['RELUKKO_API_KEYS_FILE']) made('RELUKKO_API_KEY', secret())
  if (env['RELUKKO_USER'] || env['RELUKKO_PASSWORD']) return
  made('RELUKKO_USER', 'me')
  made('RELUKKO_PASSWORD', secret())
}
