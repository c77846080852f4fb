import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { declareServe } from '../lib/cli/usage/serve.js'
import { RelukkoServer } from '../lib/server/server.js'
import { MemoryStore } from '../lib/store/memory/memory-store.js'
import { Command } from 'commander'

const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, 'docker', file), 'utf8')

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly depends_on?: readonly string[]
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly build?: { readonly context: string; readonly dockerfile: string }
}
interface Composition {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, null>>
}

describe('The composition', () => {
  const { services, volumes } = parse(read('compose.yml'), { merge: true }) as Composition
  const named = (pattern: RegExp): [string, Service][] =>
    Object.entries(services).filter(([name]) => pattern.test(name))
  const [etcds, servers] = [named(/^etcd/), named(/^server/)]

  it('has three members of etcd, each with a name, a disk and the same list of members', () => {
    expect(etcds).toHaveLength(3)
    const members = etcds.map(([name]) => `${name}=http://${name}:2380`).join(',')
    for (const [name, { environment, volumes: own }] of etcds) {
      expect(environment).toMatchObject({
        ETCD_NAME: name,
        ETCD_INITIAL_CLUSTER: members,
        ETCD_INITIAL_ADVERTISE_PEER_URLS: `http://${name}:2380`,
        ETCD_ADVERTISE_CLIENT_URLS: `http://${name}:2379`,
      })
      expect(own).toEqual([`${name}:${environment!['ETCD_DATA_DIR']}`])
      expect(volumes).toHaveProperty(name)
    }
  })

  it('has two servers that know all members, made from the Dockerfile, with options that serve has', () => {
    expect(servers).toHaveLength(2)
    const endpoints = etcds.map(([, { environment }]) => environment!['ETCD_ADVERTISE_CLIENT_URLS']).join(',')
    for (const [, { environment, command, depends_on, build }] of servers) {
      expect(environment).toMatchObject({ SPICELOCK_ENDPOINTS: endpoints })
      expect(depends_on).toEqual(etcds.map(([name]) => name))
      expect(existsSync(resolve(root, 'docker', build!.context, build!.dockerfile))).toBe(true)
      const program = new Command()
      declareServe(program)
      const serve = program.commands[0]!.exitOverride().configureOutput({ writeErr: () => {} })
      expect(serve.parseOptions([...command!])).toEqual({ operands: [], unknown: [] })
    }
  })

  it('balances the load on both servers, at the port that is published', () => {
    const { volumes: [config] = [], ports, depends_on } = services['balancer']!
    expect(existsSync(join(root, 'docker', config!.split(':')[0]!))).toBe(true)
    const balanced = [...read('haproxy.cfg').matchAll(/^ {2}server (\S+) (\S+)$/gm)].map(
      ([, ...both]) => both,
    )
    expect(balanced).toEqual(servers.map(([name]) => [name, `${name}:3000`]))
    expect(depends_on).toEqual(servers.map(([name]) => name))
    const [, port] = /^ {2}bind :(\d+)$/m.exec(read('haproxy.cfg'))!
    expect(ports).toEqual([`127.0.0.1:3000:${port}`])
  })
})

describe('The image', () => {
  const dockerfile = read('Dockerfile').replaceAll('\\\n', '')
  const argsOf = (instruction: RegExp): string[] => JSON.parse(instruction.exec(dockerfile)![1]!) as string[]

  it('is made of files that there are, and that are not ignored', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files]) =>
      files!.split(' '),
    )
    expect(sources.length).toBeGreaterThan(3)
    const admitted = read('Dockerfile.dockerignore').split('\n')
    for (const source of sources) {
      expect([source, existsSync(join(root, source))]).toEqual([source, true])
      expect(admitted).toContain(`!${source}`)
    }
  })

  it('starts the command of the package', () => {
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      bin: Record<string, string>
    }
    expect(argsOf(/^ENTRYPOINT (\[.*\])$/m)).toEqual(['node', bin['spicelock'], 'serve'])
  })

  it('is well when the server is, and not when nobody answers', async () => {
    const [, ...args] = argsOf(/CMD (\[ *"node", *"-e".*\])$/m)
    const store = new MemoryStore()
    const server = await RelukkoServer.create({ store, apiKeys: { test: 'the key' } })
    const { port } = new URL(await server.listen({ port: 0 }))
    const check = (): Promise<unknown> =>
      promisify(execFile)(
        process.execPath,
        args.map(arg => arg.replace(':3000/', `:${port}/`)),
      )
    await check()
    await server.close()
    await expect(check()).rejects.toMatchObject({ code: 1 })
    await store.close()
  })

  it('has the packages that serve needs', () => {
    const { devDependencies, peerDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string>>
    const [, list] = /\[('fastify'.*?)\]/.exec(dockerfile)!
    const names = list!.split(', ').map(name => name.replaceAll("'", ''))
    for (const name of names) expect([name, devDependencies![name]]).toEqual([name, expect.any(String)])
    const ofOthers = ['testcontainers', 'undici', 'ws']
    expect([...names, ...ofOthers].sort()).toEqual(Object.keys(peerDependencies!).sort())
  })
})
