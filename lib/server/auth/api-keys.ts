import { hash, timingSafeEqual } from 'node:crypto'

/** The clients that may use the server, each with a key of its own. */
export class ApiKeys {
  private readonly digests: readonly (readonly [name: string, digest: Buffer])[]

  /** @param keys by the name of the client that uses each. */
  constructor(keys: Readonly<Record<string, string>>) {
    this.digests = Object.entries(keys).map(([name, key]) => [name, digestOf(key)])
  }

  /** The name of the client whose key this is. Takes as long for a wrong key as for a right one, for any lengths. */
  ownerOf(key: string | undefined): string | undefined {
    const given = digestOf(key ?? '')
    const matches = this.digests.filter(([, digest]) => timingSafeEqual(digest, given))
    return key === undefined ? undefined : matches[0]?.[0]
  }
}

function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}
