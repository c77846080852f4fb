import { join } from 'node:path'
import type { Backends } from '../backends/backends.js'
import { EARLIER, peerNamed } from '../peers/index.js'
import { Child } from '../processes/child.js'
import { EARLIER_PROFILES } from '../report/profile.js'
import type { Settings } from './settings.js'

/** The processes of the peers, which live through all loads with as many processes. */
export class Teams implements AsyncDisposable {
  private readonly teams = new Map<string, readonly Child[]>()

  constructor(
    private readonly processes: number,
    private readonly backends: Backends,
    private readonly settings: Settings,
  ) {}

  has(peer: string): boolean {
    return this.teams.has(peer)
  }

  /** Starts it where there is none. */
  async of(peer: string): Promise<readonly Child[]> {
    const team = this.teams.get(peer) ?? (await this.started(peer))
    this.teams.set(peer, team)
    return team
  }

  /** Ends it at once, whatever it waits for. */
  async kill(peer: string): Promise<void> {
    const team = this.teams.get(peer) ?? []
    this.teams.delete(peer)
    await Promise.all(team.map(child => child.kill()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.teams.values()].flat().map(child => child[Symbol.asyncDispose]()))
  }

  private started(peer: string): Promise<Child[]> {
    const { profiles } = this.settings
    const folder = profiles === undefined ? undefined : folderOf(peer, profiles)
    const profiling = folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
    const flags = [...(peerNamed(peer).flags ?? []), ...profiling]
    return Promise.all(
      Array.from({ length: this.processes }, (_, at) =>
        Child.start('peer', { peer, stores: this.backends.storesOf(at) }, flags),
      ),
    )
  }
}

/** Where the profiles of a peer go; undefined for one that is none of ours. */
function folderOf(peer: string, profiles: string): string | undefined {
  if (peer.startsWith('spicelock')) return profiles
  return EARLIER.some(({ name }) => name === peer) ? join(profiles, EARLIER_PROFILES) : undefined
}
