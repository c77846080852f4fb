import { execFile } from 'node:child_process'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** The last commit in which each waiter had an attempt, and each commit a call, of its own. */
const BEFORE_BATCHES = '77fde128e9e70433b6ec83808bcbf4c5c354684e'

/**
 * A folder with spicelock as it was before commits of many clients travelled together, compiled with the packages of today. Made
 * once, and kept in the cache. Undefined, and said so, where the history of this clone has no such commit.
 */
export async function earlierBuild(progress: (line: string) => void): Promise<string | undefined> {
  // Below node_modules, so that packages are found from there, and no tool takes it for sources.
  const folder = resolve('node_modules/.cache/spicelock', `earlier-${BEFORE_BATCHES.slice(0, 12)}`)
  const exists = await access(join(folder, 'dist')).then(
    () => true,
    () => false,
  )
  if (exists) return folder
  progress(`compiling spicelock as it was at ${BEFORE_BATCHES.slice(0, 12)}`)
  const making = `${folder}.${process.pid}`
  try {
    await mkdir(making, { recursive: true })
    const wanted = ['lib', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
    await execute('git', ['archive', '-o', join(making, 'all.tar'), BEFORE_BATCHES, ...wanted])
    await execute('tar', ['-xf', 'all.tar'], { cwd: making })
    const tsc = resolve('node_modules/typescript/bin/tsc')
    await execute(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', 'dist'], { cwd: making })
    await rename(making, folder)
    return folder
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    const [line] = (error as Error).message.split('\n')
    progress(`there is no earlier spicelock to compare with: ${line}`)
    return undefined
  }
}
