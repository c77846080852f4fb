/**
 * The public surface of each entry point is kept in a report beside this file. Without an argument this compares the
 * reports with the code, and ends with 1 when they differ; with `--write` it writes them.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  type ExtractorLogLevel,
  type ExtractorMessage,
} from '@microsoft/api-extractor'

const root = process.cwd()
const reports = resolve(root, 'docs/api')
/** Not below node_modules, where they would count as those of another package. */
const declarations = join(reports, '.declarations')
const generated = join(declarations, 'reports')

/** The types of each entry point, by the name of its report. */
function entryPoints(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>
  }
  const entries = Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [[path.slice(2) || 'spicelock', target.types.replace(/^\.\/dist/, declarations)] as const],
  )
  return new Map(entries)
}

/** Only what has changed since the last time is compiled. */
function emitDeclarations(): void {
  const tsc = createRequire(join(root, 'package.json')).resolve('typescript/bin/tsc')
  const incremental = ['--incremental', '--tsBuildInfoFile', join(declarations, '.tsbuildinfo')]
  const args = ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', declarations]
  execFileSync(process.execPath, [tsc, ...args, ...incremental], { cwd: root, stdio: 'inherit' })
}

function configOf(name: string, types: string, files: readonly string[]): ExtractorConfig {
  const silent = { default: { logLevel: 'none' as ExtractorLogLevel } }
  return ExtractorConfig.prepare({
    configObjectFullPath: join(reports, 'report.ts'),
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: types,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { extends: join(root, 'tsconfig.json'), include: [], files } },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: generated,
        reportTempFolder: join(generated, 'temp'),
        // A type that is named but not exported is a part of the surface, too.
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent },
    },
  })
}

/** The reports as the code has them now, by their names. */
function surfaces(): Map<string, string> {
  const entries = entryPoints()
  const files = [...entries.values()]
  mkdirSync(generated, { recursive: true })
  const configs = [...entries].map(([name, types]) => ({ name, config: configOf(name, types, files) }))
  const compilerState = CompilerState.create(configs[0]!.config, { additionalEntryPoints: files })
  const found = configs.map(({ name, config }) => {
    const messageCallback = (message: ExtractorMessage): void => {
      if (message.messageId.startsWith('console-')) message.handled = true
    }
    const { errorCount } = Extractor.invoke(config, { compilerState, localBuild: true, messageCallback })
    if (errorCount > 0) throw new Error(`The public surface of ${name} cannot be read.`)
    const file = `${name}.api.md`
    return [file, withoutRemarks(readFileSync(join(generated, file), 'utf8'))] as const
  })
  return new Map(found)
}

/** What has a comment is not a part of the surface, and all that is exported is public. */
function withoutRemarks(text: string): string {
  return text
    .replaceAll(/^ *\/\/ (\(undocumented\)|@public( \(undocumented\))?)\n/gm, '')
    .replace(/^\/\/ \(No @packageDocumentation.*\n\n/m, '')
}

function committed(file: string): string {
  try {
    return readFileSync(join(reports, file), 'utf8')
  } catch {
    return ''
  }
}

emitDeclarations()
const changed = [...surfaces()].filter(([file, text]) => text !== committed(file))
const names = changed.map(([file]) => `docs/api/${file}`).join(', ')
if (process.argv.includes('--write')) {
  for (const [file, text] of changed) writeFileSync(join(reports, file), text)
  console.log(changed.length === 0 ? 'The reports are as they were.' : `Written: ${names}`)
} else if (changed.length > 0) {
  for (const [file, text] of changed) {
    const args = ['diff', '--no-index', '-U1', '--', join('docs/api', file), '-']
    spawnSync('git', args, { cwd: root, input: text, stdio: ['pipe', 'inherit', 'inherit'] })
  }
  console.error(
    `\nThe public surface is not the one in ${names}. If that is meant, run \`npm run api\`, commit what it writes, ` +
      'and name the change in CHANGELOG.md.',
  )
  process.exitCode = 1
}
