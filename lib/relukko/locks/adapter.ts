import { inspect, type InspectOptions } from 'node:util'
import { pino } from 'pino'
import { checkConfig } from '../../config/etcd-options.js'
import { LockService } from '../../lock/api/lock-service.js'
import { ALLOWED_PREFIXES, COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { LockUnavailableError } from '../../model/errors.js'
import { printAs } from '../../model/printed.js'
import { checkAllowedPrefix, checkPrefix } from '../../protocol/lock-name.js'
import { checkAdapterOptions, type RelukkoAdapterOptions } from './adapter-options.js'
import { GRACE_SECONDS, PROLONG_SECONDS } from './expiry.js'
import { checkCreator, checkFields, checkRunTime, checkSeconds, expiryOf, writable } from './inputs.js'
import type { Relukko, RelukkoChange } from '../relukko.js'
import type { RelukkoDTO } from '../relukko-dto.js'
import { RelukkoLocks } from './relukko-locks.js'
import { isTrusted, TRUSTED } from './trusted.js'

/** Said of locks that were not taken over a network. */
const LOCAL_IP = '127.0.0.1'

/** Relukko's locks straight in etcd, without a server. */
export class RelukkoAdapter implements Relukko {
  private locks: Promise<RelukkoLocks> | undefined
  private service: LockService | undefined
  private readonly prefix: string

  static {
    printAs(this, 'RelukkoAdapter', ({ prefix }) => ({ prefix }))
  }

  /** @throws InvalidLockError for a prefix that is not allowed, RelukkoInvalidError, LockConfigError for a bad `config`. */
  constructor(private readonly options: RelukkoAdapterOptions) {
    checkAdapterOptions(options)
    const { config = {}, prefix = COOKBOOKS_CUSTOM_PREFIX, allowedPrefixes = [] } = options
    allowedPrefixes.forEach(checkAllowedPrefix)
    checkPrefix(prefix, [...ALLOWED_PREFIXES, ...allowedPrefixes])
    checkConfig(config, 'config')
    this.prefix = prefix
  }

  async acquireRelukko(
    lockName: string,
    creator: string | null,
    maxRunTime: number,
  ): Promise<RelukkoDTO | null> {
    if (isTrusted()) return TRUSTED
    checkRunTime(maxRunTime)
    const locks = await this.open()
    try {
      const { lock } = await locks.take({ lockName, creator, ip: LOCAL_IP, wait: maxRunTime })
      return lock
    } catch (error) {
      if (error instanceof LockUnavailableError) return null
      throw error
    }
  }

  async getLock(id: string): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    return (await (await this.open()).find(id)).lock
  }

  async getLocks(): Promise<RelukkoDTO[]> {
    if (isTrusted()) return [TRUSTED]
    return [...(await (await this.open()).all())]
  }

  async updateRelukko(id: string, change: RelukkoChange): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    checkFields(change, ['creator', 'expiresAt'], 'updateRelukko')
    const { creator, expiresAt } = change
    checkCreator(creator ?? null)
    const expiry = (expiresAt ?? undefined) === undefined ? undefined : expiryOf(expiresAt)
    return (await this.open()).change(id, lock => ({
      creator: creator ?? lock.creator,
      expiresAt: expiry ?? lock.expiresAt,
    }))
  }

  async deleteRelukko(id: string): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    return (await this.open()).release(id)
  }

  keepRelukkoAlive(id: string): Promise<RelukkoDTO> {
    return this.keepRelukkoAlivePut(id, PROLONG_SECONDS)
  }

  async keepRelukkoAlivePut(id: string, seconds: number): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    checkSeconds(seconds)
    return (await this.open()).change(id, ({ creator }, now) => ({
      creator,
      expiresAt: writable(now.plusSeconds(seconds)),
    }))
  }

  addToExpiresAtTime(id: string): Promise<RelukkoDTO> {
    return this.addToExpiresAtTimePut(id, PROLONG_SECONDS)
  }

  async addToExpiresAtTimePut(id: string, seconds: number): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    checkSeconds(seconds)
    return (await this.open()).change(id, ({ creator, expiresAt }) => ({
      creator,
      expiresAt: writable(expiresAt.plusSeconds(seconds)),
    }))
  }

  /** Ends the connection. What is held stays held. */
  async close(): Promise<void> {
    await this.locks?.catch(() => {})
    await this.service?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What may be logged: the configuration may hold a password. */
  toJSON(): { readonly prefix: string } {
    return { prefix: this.prefix }
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `RelukkoAdapter ${inspect(this.toJSON(), options)}`
  }

  private open(): Promise<RelukkoLocks> {
    this.locks ??= this.connect().catch((error: unknown) => {
      this.locks = undefined
      throw error
    })
    return this.locks
  }

  private async connect(): Promise<RelukkoLocks> {
    const { logger = pino({ level: 'silent' }), graceSeconds = GRACE_SECONDS } = this.options
    this.service = await LockService.open({ ...this.options, logger })
    return new RelukkoLocks(this.service, this.prefix, graceSeconds)
  }
}
