import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { Etcd3, Range } from 'etcd3'
import { EtcdServer } from '../../lib/testing/etcd-server.js'

/** The user that the tests lock as: it may read and write everything under `/`. */
export const LOCKER = { username: 'locker', password: 'locker-secret' }
/** Whoever opens a Lock is asked for a password, which costs etcd 60 ms of a processor by default. */
export const QUICK_PASSWORDS = ['--bcrypt-cost', '4']
const ROOT = { username: 'root', password: 'root-secret' }

/** An etcd with a root user and {@link LOCKER}, whose authentication is switched on and off. */
export class AuthenticatedEtcd {
  private users = 0
  private isEnabled = false

  private constructor(readonly server: EtcdServer) {}

  /** @param args of etcd, for example how it makes its tokens. Authentication is off. */
  static async start(args: readonly string[] = []): Promise<AuthenticatedEtcd> {
    const server = await EtcdServer.start({ args: [...QUICK_PASSWORDS, ...args] })
    const admin = new Etcd3({ hosts: server.endpoint })
    await admin.role('root').create()
    await (await admin.user(ROOT.username).create(ROOT.password)).addRole('root')
    const role = await admin.role(LOCKER.username).create()
    await role.grant({ permission: 'Readwrite', range: Range.prefix('/') })
    await (await admin.user(LOCKER.username).create(LOCKER.password)).addRole(role)
    admin.close()
    return new AuthenticatedEtcd(server)
  }

  /** Adds a user whom nobody knows, which makes etcd count a change of users and roles. */
  addUser(): Promise<unknown> {
    return this.asRoot(admin => admin.user(`user-${++this.users}`).create('secret'))
  }

  changePassword(password: string): Promise<unknown> {
    return this.asRoot(admin => admin.user(LOCKER.username).setPassword(password))
  }

  async enable(): Promise<void> {
    if (this.isEnabled) return
    const admin = new Etcd3({ hosts: this.server.endpoint })
    await admin.auth.authEnable()
    admin.close()
    this.isEnabled = true
  }

  async disable(): Promise<void> {
    if (!this.isEnabled) return
    await this.asRoot(admin => admin.auth.authDisable())
    this.isEnabled = false
  }

  /** How often etcd was asked for a token since it was started. */
  async authentications(): Promise<number> {
    const metrics = await (await fetch(`${this.server.endpoint}/metrics`)).text()
    const line = /^grpc_server_started_total\{grpc_method="Authenticate",.*\} (\d+)$/m.exec(metrics)
    return Number(line?.[1] ?? 0)
  }

  /** Anew each time, since tokens grow old. */
  private async asRoot(work: (admin: Etcd3) => Promise<unknown>): Promise<void> {
    const admin = new Etcd3({ hosts: this.server.endpoint, auth: ROOT })
    await work(admin)
    admin.close()
  }
}

/** The keys with which an etcd signs its tokens, for all tests of a file. */
export function useJwtKeys(): { args: (ttl: string) => string[] } {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spicelock-jwt-'))
    const keys = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    })
    await writeFile(join(folder, 'public.pem'), keys.publicKey)
    await writeFile(join(folder, 'private.pem'), keys.privateKey)
  })
  afterAll(() => rm(folder, { recursive: true }))
  const args = (ttl: string): string[] => {
    const files = `pub-key=${join(folder, 'public.pem')},priv-key=${join(folder, 'private.pem')}`
    return ['--auth-token', `jwt,${files},sign-method=RS256,ttl=${ttl}`]
  }
  return { args }
}
