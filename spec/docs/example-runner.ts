import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { writeChain } from '../support/certificates.js'
import { main } from '../support/command.js'
import { root } from './doc-blocks.js'
import { ServingProcess } from './serving-process.js'

const run = promisify(execFile)

const END = '--- end of the example ---\n'
const RUN_ALL = `(async () => {
  for (const file of process.argv.slice(1)) {
    await import(file).catch(error => console.log(error))
    console.log(${JSON.stringify(END.trim())})
  }
})()`

export interface Places {
  /** Of etcd, in place of the default endpoint. */
  readonly etcd: string
  /** Of another etcd, in place of port 22379. */
  readonly otherEtcd: string
  /** Of a server of Relukko's, in place of http://127.0.0.1:3000. */
  readonly server: string
}

export interface Output {
  readonly stdout: string
  readonly stderr: string
}

/** For a shell whose `spicelock` is the compiled one, as it is published, and not the bundle, which starts sooner. */
export const COMPILED = { COMPILED_MAIN: join(root, 'dist/cli/main.js') }

/** A folder as a reader has it: spicelock is installed, and its command is on the PATH. */
export class ExampleRunner {
  private server: ServingProcess | undefined

  private constructor(
    readonly folder: string,
    private readonly places: Places,
  ) {}

  static async open(places: Places): Promise<ExampleRunner> {
    const folder = await mkdtemp(join(tmpdir(), 'spicelock-docs-'))
    await mkdir(join(folder, 'node_modules'))
    await symlink(root, join(folder, 'node_modules/spicelock'))
    await mkdir(join(folder, 'bin'))
    const runner = new ExampleRunner(folder, places)
    await runner.addCommand(
      'spicelock',
      `exec "${process.execPath}" "\${COMPILED_MAIN:-${await main()}}" "$@"`,
    )
    await runner.addCommand('npx', 'exec "$@"')
    await runner.addCommand('spicelock-told', `env -0 > told-env; printf '%s\\0' "$@" > told-args`)
    await writeFile(join(folder, 'locks.yaml'), `endpoints: ["${places.etcd}"]\n`)
    await writeChain(folder)
    await copyFile(join(folder, 'ca.pem'), join(folder, 'clients-ca.pem'))
    return runner
  }

  async close(): Promise<void> {
    await this.server?.close()
    return rm(this.folder, { recursive: true, force: true })
  }

  /** What the examples call and the reader has. */
  async addCommand(name: string, script: string): Promise<void> {
    await this.addFile(join('bin', name), `#!/bin/sh\n${script}\n`)
  }

  async addFile(name: string, text: string): Promise<string> {
    const file = join(this.folder, name)
    await writeFile(file, this.adapted(text), { mode: 0o755 })
    return file
  }

  /**
   * TypeScript, one program after the other in one process, on the compiled package. Resolves to what each has printed, and to the
   * error with which it has ended, if any. The process must end by itself.
   */
  async node(programs: readonly string[]): Promise<string[]> {
    const files = programs.map((_, at) => join(this.folder, `example-${at}.mjs`))
    for (const [at, file] of files.entries()) {
      const code = this.adapted(programs[at]!)
      await writeFile(file, (await transform(code, { loader: 'ts', format: 'esm', target: 'node20' })).code)
    }
    const { stdout } = await run(process.execPath, ['-e', RUN_ALL, ...files], {
      ...this.options,
      timeout: 60_000,
    })
    return stdout.split(END).slice(0, -1)
  }

  shell(code: string, env: Readonly<Record<string, string>> = {}): Promise<Output> {
    const { options } = this
    return run('sh', ['-ec', this.adapted(code)], { ...options, env: { ...options.env, ...env } })
  }

  python(code: string): Promise<Output> {
    return run('python3', ['-c', this.adapted(code)], this.options)
  }

  /**
   * Scripts whose last line is `spicelock serve …`, one after the other in one process, which spares loading the server for each: at a free
   * port, with the arguments and the environment that the shell makes of the script. A SIGTERM ends each after `use`, with 0.
   */
  async serving(script: string, use: (url: string, log: () => string) => Promise<void>): Promise<void> {
    const code = this.adapted(script).replace(/^(npx )?spicelock serve/m, 'spicelock-told serve --port 0')
    await this.shell(code)
    const told = async (name: string): Promise<string[]> =>
      (await readFile(join(this.folder, name), 'utf8')).split('\0').slice(0, -1)
    const server = (this.server ??= new ServingProcess(this.options))
    await server.serve({ args: await told('told-args'), env: await told('told-env') }, use)
  }

  private get options() {
    const { PATH = '' } = process.env
    const clean = Object.entries(process.env).filter(
      ([name]) => !/^(SPICELOCK|RELUKKO)_(?!ETCD_BIN)/.test(name),
    )
    const env = {
      ...Object.fromEntries(clean),
      PATH: `${join(this.folder, 'bin')}:${PATH}`,
      PYTHONPATH: join(this.folder, 'bin'),
      HOME: this.folder,
      SPICELOCK_ENDPOINTS: this.places.etcd,
    }
    return { cwd: this.folder, env }
  }

  /** What a page says, at the places of this test. */
  private adapted(code: string): string {
    const config = `config: { endpoints: ['${this.places.etcd}'] }`
    return code
      .replaceAll('new Lock({ prefix:', `new Lock({ ${config}, prefix:`)
      .replaceAll('http://127.0.0.1:2379', this.places.etcd)
      .replaceAll('http://127.0.0.1:22379', this.places.otherEtcd)
      .replaceAll('http://127.0.0.1:3000', this.places.server)
      .replaceAll('port: 3000', 'port: 0')
      .replaceAll('/opt/locks/node_modules/.bin/', '')
      .replaceAll('/etc/spicerack/locks.yaml', join(this.folder, 'locks.yaml'))
  }
}
