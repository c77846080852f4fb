import { RelukkoError } from '../../errors.js'

class RelukkoPackageError extends RelukkoError {
  readonly code = 'LOCK_ERROR'
}

/** A package that only users of the client need. @throws RelukkoError when it is not installed. */
export async function loadPeer<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    throw new RelukkoPackageError(`RelukkoClient needs the package ${name}: npm install undici@7 ws@8`, {
      cause,
    })
  }
}
