import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { readResults, type Result } from '../report/result.js'
import { type Profile, readProfiles } from '../report/profile.js'
import { PROFILES, RESULTS } from './markdown.js'
import { SECTIONS } from './sections.js'

/** The pages that show results. */
export const PAGES: readonly string[] = ['README.md', 'docs/performance.md']

const SECTION = /(<!-- bench: (\w+) -->\n).*?(<!-- end of bench -->)/gs

/** What is in the folder of the results and is none. */
const OTHERS = ['baseline.json', basename(PROFILES)]

/** The text of a page with what the results say between its markers. @throws Error for a marker that means nothing. */
export async function filled(
  page: string,
  text: string,
  results: readonly Result[],
  profiles: readonly Profile[] = [],
): Promise<string> {
  const toRoot = relative(dirname(page), '.')
  const whole = text.replace(SECTION, (_, begin: string, name: string, end: string) => {
    const section = SECTIONS[name]
    if (!section)
      throw new Error(`${page} has a marker for '${name}'; there are ${Object.keys(SECTIONS).join(', ')}`)
    return `${begin}\n${section(results, toRoot, profiles)}\n\n${end}`
  })
  // Not loaded by the processes that are measured, which begin with the same file.
  const { format, resolveConfig } = await import('prettier')
  return format(whole, { ...(await resolveConfig(page)), parser: 'markdown' })
}

/** What was last measured as a whole, of all scenarios. */
export async function allResults(folder = RESULTS): Promise<Result[]> {
  const files = (await readdir(folder).catch(() => [])).filter(file => file.endsWith('.json')).sort()
  const each = files.filter(file => !OTHERS.includes(file)).map(file => readResults(join(folder, file)))
  return (await Promise.all(each)).flat()
}

/** Writes into all pages what was measured. */
export async function fillPages(): Promise<void> {
  const [results, profiles] = [await allResults(), await readProfiles(PROFILES)]
  for (const page of PAGES)
    await writeFile(page, await filled(page, await readFile(page, 'utf8'), results, profiles))
}
