import { classify } from './classify.js'
import { isDenied, StatusCode, statusError } from './http2/status.js'

/**
 * What etcd says, to a call or as the reason why it ends a watch, when it does not take the token (it has expired, or
 * users or roles have changed since, or authentication was off meanwhile) or wants one. It has applied nothing, and a new
 * token mends it.
 */
const REFUSALS = ['invalid auth token', 'revision of auth store is old', 'user name is empty']

/** Whether a call, or a watch, was refused for its token, or for having none. */
export function isTokenRefusal(message: string): boolean {
  return REFUSALS.some(refusal => message.includes(refusal))
}

/**
 * The token that a user's calls carry, asked for when the first of them needs it; none while authentication is switched
 * off in etcd, which then takes calls without one. etcd3 would ask on a connection of its own, which is never pinged,
 * closed or replaced: once that is dead, no call could authenticate any more.
 */
export class Token {
  private current: Promise<string | undefined> | undefined
  /** What those get who ask while `current` is under way. */
  private next: Promise<string | undefined> | undefined
  private isUnderWay = false

  constructor(private readonly ask: () => Promise<{ readonly token: string }>) {}

  /**
   * All that ask get the same, until it is refused. Rejects with the code of a call that etcd refuses, or cannot answer.
   * Who asks while etcd is being asked is not refused by that answer, but by one to a question put afterwards:
   *
   *     a watch signs in · etcd refuses its password · that is mended · a call asks for the token, and shares the refusal
   */
  get(): Promise<string | undefined> {
    if (!this.current) return this.begin(this.authenticate())
    if (!this.isUnderWay) return this.current
    return (this.next ??= this.current.catch(error => {
      if (!isDenied(error)) throw error
      return this.authenticate()
    }))
  }

  /**
   * What etcd has said to a call with this token. One that it refuses is forgotten, unless another has replaced it meanwhile:
   * all calls that were refused with it share the next.
   */
  heard(message: string, used: Promise<string | undefined>): void {
    if (isTokenRefusal(message) && (used === this.current || used === this.next)) this.forget()
  }

  private begin(asking: Promise<string | undefined>): Promise<string | undefined> {
    this.current = asking
    this.isUnderWay = true
    asking.then(
      () => (this.isUnderWay = false),
      () => this.passOn(),
    )
    return asking
  }

  private passOn(): void {
    const { next } = this
    this.forget()
    if (next) void this.begin(next)
  }

  private forget(): void {
    this.current = undefined
    this.next = undefined
  }

  private async authenticate(): Promise<string | undefined> {
    try {
      return (await this.ask()).token
    } catch (error) {
      const { reason, message } = classify(error)
      if (message.includes('authentication is not enabled')) return undefined
      const code = reason === 'refused' ? StatusCode.PERMISSION_DENIED : StatusCode.UNAVAILABLE
      throw statusError({ code, details: message })
    }
  }
}
