import type { CallOptions } from '../store.js'
import { StoreError } from '../store-error.js'
import { classify, isSilence, UNEXPLAINED } from './classify.js'
import { Endpoints } from './endpoints.js'
import { firstAnswer } from './first-answer.js'
import { Member } from './member.js'
import type { EtcdOptions } from './options.js'
import { isTokenRefusal } from './token.js'

/** How long the first endpoint of a search has to answer before the next is asked alongside, and each further one. */
const FIRST_CONTACT_MS = 1_000
/** The same, for a member that has just been silent already. */
const CHECK_MS = 300
/** How long an answer may take before its member is checked. */
const DOUBT_MS = 1_000
/** All endpoints of a search are asked within so many milliseconds, however many they are: less than any budget. */
const SEARCH_MS = 4_000
/** How often an endpoint that has failed is asked again while another is silent. */
const AGAIN_MS = 1_000

/** Of one call. */
export interface MemberCallOptions extends CallOptions {
  /** The time of the most impatient of those that wait for its answer, milliseconds: its member is checked in time for that. */
  readonly doubtMs?: number
}

/**
 * The way to etcd: one member at a time, kept while it works. A member that fails, or is silent while another answers, is
 * left, and everything moves to another. Nothing that may have been applied is ever sent twice from here.
 *
 * Where there are several endpoints, no call goes to one that was never heard of: a member that accepts connections and
 * answers nothing would cost the call its whole deadline.
 */
export class Connection {
  private member: Member | undefined
  private isClosed = false
  private readonly endpoints: Endpoints
  private search: Promise<void> | undefined
  /** Members that are asked whether they are there. */
  private readonly candidates = new Set<Member>()
  /** What was said last of each endpoint that failed, for when nothing is said. */
  private readonly problems = new Map<string, string>()
  /** Why no call got through to an endpoint, until one does: the last of them may have had too little time to learn it. */
  private readonly causes = new Map<string, string>()
  private readonly failureListeners = new Set<() => void>()

  constructor(private readonly options: EtcdOptions) {
    this.endpoints = new Endpoints(options)
  }

  /** @throws StoreError `closed` */
  assertOpen(): void {
    if (this.isClosed) throw new StoreError('closed', 'The connection to etcd is closed.')
  }

  /** The member in use, or the first that answers. @throws StoreError */
  async contact(): Promise<Member> {
    for (;;) {
      this.assertOpen()
      if (this.member) return this.member
      const { all, areExpired } = this.endpoints
      if (areExpired) await this.endpoints.refresh()
      else if (all.length === 1) this.member = this.open(all[0]!)
      else await (this.search ??= this.find())
    }
  }

  /**
   * One call, once; twice when etcd has refused it for its token, which means that nothing was applied. Its time counts
   * from here, and is that of any call at most.
   * @throws StoreError
   */
  async call<T>(
    work: (member: Member, options: { readonly deadline: number }) => Promise<T>,
    { timeoutMs = Infinity, doubtMs = timeoutMs }: MemberCallOptions = {},
  ): Promise<T> {
    const withinMs = Math.max(0, Math.min(timeoutMs, this.options.callTimeoutMs))
    const deadline = performance.now() + withinMs
    const member = this.member ?? (await this.contactWithin(withinMs))
    const sentAt = performance.now()
    const stopWatching = this.expectAnswer(() => this.doubt(member), Math.min(withinMs, doubtMs))
    try {
      const answer = await work(member, { deadline }).catch((error: unknown) => {
        if (this.isMendable(classify(error).message)) return work(member, { deadline })
        throw error
      })
      member.answered()
      this.causes.delete(member.endpoint)
      return answer
    } catch (error) {
      if (this.isClosed) throw new StoreError('unreachable', 'The connection was closed during the call.')
      const classified = classify(error)
      const isAgain = this.isMendable(classified.message)
      if (classified.reason !== 'unreachable') member.answered()
      if (classified.reason !== 'unreachable' && !isAgain) throw classified
      const failure = this.unreachable(member, classified, isAgain ? 'a new token was refused as well: ' : '')
      // A single call may have had little time, or waited behind other calls: that says nothing about the member. What time it is
      // tells nothing here: the timer of a call is often early by part of a millisecond, and the others would be cut for that.
      const isImpatient = isSilence(classified) && member.vainFor(sentAt) < this.options.callTimeoutMs / 2
      if (isImpatient) this.doubt(member)
      else this.fail(member)
      throw failure
    } finally {
      stopWatching()
    }
  }

  /** Whether a refusal is mended by a new token, which the next call carries. */
  isMendable(refusal: string): boolean {
    return this.options.auth !== undefined && isTokenRefusal(refusal)
  }

  /**
   * Somebody waits for an answer, for so long at most: until the returned function is called, `doubt` is called
   * again and again, which is to check the member that owes it.
   */
  expectAnswer(doubt: () => void, withinMs: number): () => void {
    const timer = setInterval(doubt, Math.min(DOUBT_MS, withinMs / 4))
    return () => clearInterval(timer)
  }

  /**
   * Asks a member that owes an answer whether it is there, and others alongside: if one of those answers first, it takes over.
   * Not one that was just heard of: where this process has asked for more than can be answered at once, no member is quicker.
   */
  doubt(member: Member): void {
    if (member !== this.member || this.search || performance.now() - member.heardAt < DOUBT_MS) return
    this.search = this.find(member)
    this.search.catch(() => {})
  }

  /** Gives up on a member: the next call goes to the next endpoint that answers. */
  fail(member: Member, reason = this.problems.get(member.endpoint) ?? UNEXPLAINED): void {
    if (member !== this.member) return
    this.member = undefined
    this.endpoints.passOver(member.endpoint)
    this.leave(member, reason)
  }

  /** Calls back whenever a member has been given up: streams on it are dead or may hang. */
  onFailure(listener: () => void): void {
    this.failureListeners.add(listener)
  }

  close(): void {
    this.isClosed = true
    for (const member of [...this.candidates, this.member]) member?.close('the connection was closed')
    this.member = undefined
  }

  private async contactWithin(ms: number): Promise<Member> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.silence(ms)), ms)
    })
    return Promise.race([this.contact(), late]).finally(() => clearTimeout(timer))
  }

  private silence(ms: number): StoreError {
    return new StoreError(
      'unreachable',
      `${this.endpoints.all.join(', ')}: no answer within ${(ms / 1000).toFixed(1)} s`,
    )
  }

  /** Settles on the first member that answers. `doubted` is the one in use, which is asked first. @throws StoreError */
  private async find(doubted?: Member): Promise<void> {
    const start = performance.now()
    // A member that is silent comes last, over a new connection: it may be the old one that is dead.
    const ask = this.endpoints.inOrder(doubted?.endpoint).map(endpoint => async () => {
      this.assertOpen()
      const candidate = this.open(endpoint)
      this.candidates.add(candidate)
      return this.ask(candidate).catch((error: unknown) => {
        this.drop(candidate, 'it has not answered')
        throw error
      })
    })
    if (doubted) ask.unshift(() => this.ask(doubted))
    try {
      const patience = Math.min(doubted ? CHECK_MS : FIRST_CONTACT_MS, SEARCH_MS / ask.length)
      const found = await firstAnswer(ask, patience, AGAIN_MS)
      if (doubted && doubted.heardAt > start) return
      this.candidates.delete(found)
      this.adopt(found, doubted)
    } catch (error) {
      this.assertOpen()
      if (!doubted) this.endpoints.expire()
      const { errors } = error as AggregateError
      throw new StoreError('unreachable', errors.map(each => (each as Error).message).join('; '))
    } finally {
      for (const candidate of this.candidates) this.drop(candidate, 'another member has answered')
      this.search = undefined
    }
  }

  private async ask(member: Member): Promise<Member> {
    try {
      await member.ping()
      return member
    } catch (error) {
      // One that was closed meanwhile says why, and nothing of its endpoint.
      throw member.isClosed ? error : this.unreachable(member, classify(error))
    }
  }

  private adopt(found: Member, doubted: Member | undefined): void {
    if (found === this.member || found.isClosed) return
    if (this.isClosed || (this.member && this.member !== doubted)) {
      return found.close('there is a member already')
    }
    const { member } = this
    this.member = found
    // The doubted one may have failed meanwhile: then the streams that go down would be those that wait for its successor.
    if (member) this.leave(member, `no answer, while ${found.endpoint} has answered`)
  }

  private drop(candidate: Member, reason: string): void {
    this.candidates.delete(candidate)
    candidate.close(reason)
  }

  private leave(member: Member, reason: string): void {
    member.close(reason)
    for (const listener of this.failureListeners) listener()
  }

  private open(endpoint: string): Member {
    return new Member(endpoint, this.options)
  }

  private unreachable({ endpoint }: Member, error: StoreError, preface = ''): StoreError {
    const isSilent = isSilence(error)
    const cause = isSilent ? this.causes.get(endpoint) : undefined
    const said = cause === undefined ? error.message : `${error.message}; before that: ${cause}`
    if (error.message !== UNEXPLAINED) this.problems.set(endpoint, said)
    if (error.message !== UNEXPLAINED && !isSilent) this.causes.set(endpoint, error.message)
    const problem = this.problems.get(endpoint) ?? error.message
    return new StoreError('unreachable', `${endpoint}: ${preface}${problem}`, { cause: error })
  }
}
