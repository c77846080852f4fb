import { LockError } from '../../model/errors.js'
import type { Authenticator } from './authenticator.js'

let loaded: typeof Authenticator | undefined

/**
 * Loads etcd3 where a user is to sign in, and not otherwise: in a bundle it does not find its files, and where no code may be made from
 * strings it does not work, while all else does.
 * @throws LockError saying what to do.
 */
export async function loadAuthenticator(): Promise<typeof Authenticator> {
  return (loaded ??= await load())
}

async function load(): Promise<typeof Authenticator> {
  // By itself: when what a module imports cannot be loaded, Node 20 reports that besides as an uncaught exception.
  await import('etcd3').catch((cause: unknown) => {
    throw new LockError(`etcd3 could not be loaded: ${problemOf(cause as NodeJS.ErrnoException)}`, { cause })
  })
  return (await import('./authenticator.js')).Authenticator
}

function problemOf({ name, code, message }: NodeJS.ErrnoException): string {
  const [first] = message.split('\n')
  if (name === 'EvalError') {
    return `${first}. It makes code from strings, which this process forbids (--disallow-code-generation-from-strings).`
  }
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    return `${first}. Where a bundle runs whose user signs in to etcd, install etcd3 and @grpc/grpc-js beside it.`
  }
  return (
    `${first}. It reads files of its own: leave it out of the bundle ` +
    '(esbuild: --external:etcd3 --external:@grpc/grpc-js), and install it beside that.'
  )
}
