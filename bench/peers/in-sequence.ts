import type { Peer, PeerClient } from './peer.js'

/** A peer that takes several locks one after the other, in one order for all clients, so that none waits in a circle. */
export function inSequence(peer: Peer): Peer {
  return {
    name: `${peer.name}, one by one`,
    async open(stores) {
      const opened = await peer.open(stores)
      return { ...opened, client: async number => sequential(await opened.client(number)) }
    },
  }
}

function sequential(client: PeerClient): PeerClient {
  return {
    async acquire(names) {
      const releases: (() => Promise<void>)[] = []
      for (const name of names.toSorted()) releases.push(await client.acquire([name]))
      return async () => {
        for (const release of releases.toReversed()) await release()
      }
    },
  }
}
