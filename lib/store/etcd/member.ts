import type { LeaseId } from '../../kv/key-value.js'
import { isStoreError } from '../store-error.js'
import { classify } from './classify.js'
import { MessageStream } from './http2/message-stream.js'
import { Session } from './http2/session.js'
import { isDenied, statusError, unavailable } from './http2/status.js'
import { callOnce } from './http2/unary-call.js'
import type { EtcdOptions } from './options.js'
import { loadAuthenticator } from './load-authenticator.js'
import { decodeLease, encodeLeaseGrant, encodeLeaseId, type LeaseResponse } from './proto/lease-calls.js'
import { ASK_MEMBERS, ASK_STATUS, decodeMembers, decodeVersion } from './proto/inspection-calls.js'
import { encodeWatchRequest, type WatchRequest } from './proto/watch-request.js'
import { decodeWatchResponse, type WatchResponse } from './proto/watch-response.js'
import type { Authenticator } from './authenticator.js'
import { Token } from './token.js'

/** A `RangeRequest` for a key that nobody has: the key, a limit of one, and the keys only. */
const READ_NOTHING = Buffer.from([0x0a, 1, 0, 0x18, 1, 0x40, 1])
/**
 * How long it may take to show that it serves, however long a call may. A slow member is still found: etcd itself gives up such a
 * read after 7 s, unless its elections were made slower, and who needs longer cannot keep locks. One whose packets
 * were dropped may answer over a new connection long before the system tries the old one again, after pauses that double.
 */
const LONGEST_PING_MS = 10_000

/**
 * A client on one endpoint. All goes over one connection, on which it is also asked whether it is there; only users sign in on another.
 * Each is made at its first call.
 */
export class Member {
  private readonly session: Session
  private readonly token: Token | undefined
  private authenticator: Authenticator | undefined
  private closedFor: string | undefined
  /** When it was last heard of, on the monotonic clock. */
  heardAt = -Infinity
  private answeredAt = -Infinity
  /** When the first call was sent of those that were given up since one was answered. */
  private vainSince = Infinity

  constructor(
    readonly endpoint: string,
    private readonly options: EtcdOptions,
  ) {
    const { tls, auth } = options
    this.token = auth && new Token(() => this.authenticate(auth))
    this.session = new Session(endpoint, tls, () => this.heard())
  }

  get isClosed(): boolean {
    return this.closedFor !== undefined
  }

  /** A transaction, encoded, and its answer as it came. One attempt, as of all calls here. Rejects with the code of its status. */
  transact(message: Buffer, deadline: number): Promise<Buffer> {
    return this.call('KV/Txn', message, deadline)
  }

  async grantLease(ttl: number, deadline: number): Promise<LeaseResponse> {
    return decodeLease(await this.call('Lease/LeaseGrant', encodeLeaseGrant(ttl), deadline))
  }

  async leaseTimeToLive(id: LeaseId, deadline: number): Promise<LeaseResponse> {
    return decodeLease(await this.call('Lease/LeaseTimeToLive', encodeLeaseId(id), deadline))
  }

  async revokeLease(id: LeaseId, deadline: number): Promise<void> {
    await this.call('Lease/LeaseRevoke', encodeLeaseId(id), deadline)
  }

  /** Which version of etcd it is, and how many members there are. */
  async inspect(): Promise<{ readonly version: string; readonly members: number }> {
    const deadline = performance.now() + this.options.callTimeoutMs
    const [status, members] = await Promise.all([
      this.call('Maintenance/Status', ASK_STATUS, deadline),
      this.call('Cluster/MemberList', ASK_MEMBERS, deadline),
    ])
    return { version: decodeVersion(status), members: decodeMembers(members) }
  }

  /** A stream of watches. */
  async watch(): Promise<MessageStream<WatchRequest, WatchResponse>> {
    const token = this.token?.get()
    const decode = (bytes: Buffer): WatchResponse => {
      const response = decodeWatchResponse(bytes)
      if (token) this.token!.heard(response.cancelReason, token)
      return response
    }
    const head = { path: '/etcdserverpb.Watch/Watch', token: await token }
    return new MessageStream(this.session, head, { encode: encodeWatchRequest, decode })
  }

  /**
   * A stream of renewals. They go without a token when the user is refused, since etcd asks for none: a lock is not lost because a
   * password is being changed.
   */
  async renewals(): Promise<MessageStream<LeaseId, LeaseResponse>> {
    const token = await this.token?.get().catch((error: unknown) => {
      if (!isDenied(error)) throw error
      return undefined
    })
    const head = { path: '/etcdserverpb.Lease/LeaseKeepAlive', token }
    return new MessageStream(this.session, head, { encode: encodeLeaseId, decode: decodeLease })
  }

  /**
   * Resolves when the member has shown that it serves. The question is a linearizable read: a member answers it when its
   * leader has confirmed it and the member has caught up with that, and looks only then whether the user may read. A
   * member whose disk hangs still answers what it can answer alone. @throws StoreError `unreachable`
   */
  async ping(): Promise<void> {
    try {
      const deadline = performance.now() + Math.min(this.options.callTimeoutMs, LONGEST_PING_MS)
      await callOnce(this.session, { path: '/etcdserverpb.KV/Range', message: READ_NOTHING, deadline })
    } catch (error) {
      const classified = classify(error)
      if (isStoreError(classified, 'unreachable')) throw classified
    }
  }

  /** A call was answered. */
  answered(): void {
    this.answeredAt = performance.now()
    this.vainSince = Infinity
  }

  /** For how many milliseconds calls have been waiting in vain, when one that was sent at this time is given up. */
  vainFor(sentAt: number): number {
    if (this.answeredAt > sentAt) return 0
    this.vainSince = Math.min(this.vainSince, sentAt)
    return performance.now() - this.vainSince
  }

  /** Ends the calls under way, which may have been applied. */
  close(reason: string): void {
    this.closedFor = reason
    this.session.close(reason)
    this.authenticator?.close(reason)
  }

  private call(method: string, message: Buffer, deadline: number): Promise<Buffer> {
    const { session, token: users } = this
    const request = { path: `/etcdserverpb.${method}`, message, deadline }
    if (!users) return callOnce(session, request)
    const token = users.get()
    return callOnce(session, { ...request, token }).catch((error: Error) => {
      users.heard(error.message, token)
      throw error
    })
  }

  private heard(): void {
    this.heardAt = performance.now()
  }

  private async authenticate(user: NonNullable<EtcdOptions['auth']>): Promise<{ readonly token: string }> {
    const Opened = await loadAuthenticator()
    if (this.closedFor !== undefined) throw statusError(unavailable(this.closedFor))
    this.authenticator ??= new Opened(this.endpoint, this.options, () => this.heard())
    return this.authenticator.authenticate(user)
  }
}
