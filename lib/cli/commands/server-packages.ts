import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { RelukkoServer } from '../../server/server.js'
import { CliError, EXIT } from '../io/exit-codes.js'

/** The packages that only the server needs, each with its major version. */
export const SERVER_PACKAGES = {
  fastify: 5,
  '@fastify/websocket': 11,
  '@fastify/swagger': 9,
  '@fastify/swagger-ui': 5,
  'prom-client': 15,
} as const

export const INSTALL_SERVER_PACKAGES = `npm install ${Object.entries(SERVER_PACKAGES)
  .map(([name, major]) => `${name}@${major}`)
  .join(' ')}`

/** @throws CliError that says what to install when a package is missing, or of another major version. */
export async function loadServer(): Promise<typeof RelukkoServer> {
  for (const [name, major] of Object.entries(SERVER_PACKAGES)) {
    const version = installed(name)
    if (version === undefined || version.startsWith(`${major}.`)) continue
    throw new CliError(
      `serve needs ${name}@${major}, and ${version} is installed: ${INSTALL_SERVER_PACKAGES}`,
      EXIT.usage,
    )
  }
  try {
    return (await import('../../server/server.js')).RelukkoServer
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new CliError(`serve needs packages: ${INSTALL_SERVER_PACKAGES}`, EXIT.usage, { cause })
  }
}

/** The installed version; undefined when the package is not found here: `import` has the last word. */
function installed(name: string): string | undefined {
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      const text = readFileSync(join(folder, name, 'package.json'), 'utf8')
      return (JSON.parse(text) as { version?: string }).version
    } catch {
      continue
    }
  }
  return undefined
}
