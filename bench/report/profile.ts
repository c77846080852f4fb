import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What of a profile of V8 is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

/** Who spent the CPU of our own clients in a scenario, the greatest share first. */
export interface Profile {
  readonly scenario: string
  readonly shares: Shares
  /** The same of the earlier build, where that was measured beside it. */
  readonly earlier?: Shares | undefined
}

/** Shares of 1, by who spent it. */
export type Shares = Readonly<Record<string, number>>

/** Of all scenarios that were profiled; none where there is no such file. */
export async function readProfiles(file: string): Promise<Profile[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '[]'
    throw error
  })
  return JSON.parse(text) as Profile[]
}

/** Puts it among those of other scenarios. */
export async function writeProfile(file: string, profile: Profile): Promise<void> {
  const others = (await readProfiles(file)).filter(({ scenario }) => scenario !== profile.scenario)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify([...others, profile], null, 2)}\n`)
}

/** Below the folder of the profiles of this build. */
export const EARLIER_PROFILES = 'earlier'

/** What all profiles in a folder show. */
export async function profileIn(folder: string, scenario: string): Promise<Profile> {
  const earlier = await sharesIn(join(folder, EARLIER_PROFILES)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
  return { scenario, shares: await sharesIn(folder), earlier }
}

async function sharesIn(folder: string): Promise<Shares> {
  const files = (await readdir(folder)).filter(file => file.endsWith('.cpuprofile'))
  const texts = await Promise.all(files.map(file => readFile(join(folder, file), 'utf8')))
  return Object.fromEntries(sharesOf(texts.map(text => JSON.parse(text) as CpuProfile)))
}

/** A package, Node itself, the garbage collector, or `spicelock`. Idle time is no CPU time. */
export function sharesOf(profiles: readonly CpuProfile[]): (readonly [who: string, share: number])[] {
  const spent = new Map<string, number>()
  for (const { nodes, samples, timeDeltas } of profiles) {
    const who = new Map(nodes.map(({ id, callFrame }) => [id, ownerOf(callFrame)]))
    samples.forEach((id, at) => {
      const owner = who.get(id)!
      if (owner !== '(idle)') spent.set(owner, (spent.get(owner) ?? 0) + timeDeltas[at]!)
    })
  }
  const all = [...spent.values()].reduce((sum, micros) => sum + micros, 0)
  return [...spent].map(([who, micros]) => [who, micros / all] as const).sort(([, a], [, b]) => b - a)
}

function ownerOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  if (functionName.startsWith('(')) return functionName
  if (url === '' || url.startsWith('node:')) return 'Node'
  const [, packaged] = /.*\/node_modules\/((?:@[^/]+\/)?[^/.][^/]*)\//.exec(url) ?? []
  return packaged ?? 'spicelock'
}
