import { LockError } from '../../../model/errors.js'

/** A package that only users of the client need. @throws LockError when it is not installed. */
export async function loadPeer<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    throw new LockError(`RelukkoClient needs the package ${name}: npm install undici@7 ws@8`, { cause })
  }
}
