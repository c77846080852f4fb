import { Installation } from '../start/installation.js'
import {
  type Bench,
  figureOf,
  type Outcome,
  ratioOf,
  type Scenario,
  spreadOf,
  type Target,
} from './scenario.js'

const LOAD = 'a process'
const COMMAND = 'node_modules/spicelock/dist/cli/main.js'
const imports = (name: string): string[] => ['--input-type=module', '-e', `import '${name}'`]

/** Arguments of Node, by what is measured. */
const PROCESSES: Readonly<Record<string, readonly string[]>> = {
  'bare node': ['--input-type=module', '-e', ''],
  'import etcd3': imports('etcd3'),
  "import 'spicelock'": imports('spicelock'),
  'spicelock --version': [COMMAND, '--version'],
  'spicelock --help': [COMMAND, '--help'],
}
const PACKAGE = 'the package'

export const start: Scenario = {
  name: 'start',
  measures: 'from the start of a process to its end, of the package as a user installs it',
  shown: { figure: 'processMs', unit: 'ms' },
  run,
  targets(outcomes) {
    const of = (what: string) => figureOf(outcomes, LOAD, what, 'processMs')
    const bare = of('bare node')!.median
    return [
      {
        name: "import 'spicelock' / etcd3",
        value: ratioOf(of("import 'spicelock'"), of('import etcd3')),
        limit: 1.15,
        bound: 'at most',
      },
      ...['--version', '--help'].map((flag): Target => ({
        name: `${flag} beyond bare node`,
        value: of(`spicelock ${flag}`)!.median - bare,
        limit: 300,
        bound: 'at most',
        unit: 'ms',
      })),
    ]
  },
}

async function run({ settings, progress }: Bench): Promise<Outcome[]> {
  progress('packing and installing')
  await using installation = await Installation.make()
  const times = new Map<string, number[]>(Object.keys(PROCESSES).map(what => [what, []]))
  // One process is short: it is started three times as often as a load is run.
  for (let round = 0; round <= 3 * settings.rounds; round++) {
    for (const [what, args] of Object.entries(PROCESSES)) {
      const ms = await installation.timeOf(...args)
      // The first one reads the files from the disk.
      if (round > 0) times.get(what)!.push(ms)
    }
  }
  const peers = [...times].map(([what, each]) => [what, { processMs: spreadOf(each) }] as const)
  const { packedBytes, installedBytes, installMs } = installation
  const sizes = {
    packedKilobytes: spreadOf([packedBytes / 1000]),
    installedMegabytes: spreadOf([installedBytes / 1e6]),
    installMs: spreadOf([installMs]),
  }
  return [
    { name: LOAD, peers: Object.fromEntries(peers) },
    { name: PACKAGE, peers: { spicelock: sizes } },
  ]
}
