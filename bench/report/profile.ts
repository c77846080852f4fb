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

/** Who spent the CPU of our own clients in a scenario: shares of 1, the greatest first. */
export interface Profile {
  readonly scenario: string
  readonly shares: Readonly<Record<string, number>>
}

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

/** Shares of the CPU time of all profiles in a folder, by who spent it, the greatest first. */
export async function sharesIn(folder: string): Promise<readonly (readonly [who: string, share: number])[]> {
  const files = (await readdir(folder)).filter(file => file.endsWith('.cpuprofile'))
  const texts = await Promise.all(files.map(file => readFile(join(folder, file), 'utf8')))
  return sharesOf(texts.map(text => JSON.parse(text) as CpuProfile))
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
