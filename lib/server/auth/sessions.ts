import { createHmac, randomUUID, scryptSync, timingSafeEqual } from 'node:crypto'

/** Seconds for which one stays signed in. */
const LIFE = 12 * 3_600
const COOKIE = 'spicelock'
const KEY_BYTES = 32

/** The user that may sign in to the page. */
export interface SignIn {
  readonly user: string
  readonly password: string
}

export interface Session {
  readonly user: string
  /** What proves that a request comes from the page. */
  readonly csrf: string
}

/** Aborts when a session is over; until `stop`, it is looked after. */
export interface SessionEnd {
  readonly signal: AbortSignal
  readonly stop: () => void
}

interface Claim {
  readonly user: string
  /** Milliseconds since 1970. */
  readonly until: number
}

/**
 * Sessions that no server needs to remember: each is a cookie that says who and until when, signed with a key that comes
 * of the password. All servers with one password know it, and a new password ends all.
 */
export class Sessions {
  private readonly key: Buffer
  /** What goes on here for sessions, by their claims. */
  private readonly ends = new Map<string, Set<AbortController>>()

  constructor(
    private readonly signIn: SignIn,
    private readonly isSecure: boolean,
  ) {
    // Slow on purpose: a thief of a cookie could try passwords on it.
    this.key = scryptSync(signIn.password, `spicelock session of ${signIn.user}`, KEY_BYTES)
  }

  /** The cookie of a session, if these are right. Takes as long for wrong ones. */
  open(user: unknown, password: unknown): string | undefined {
    const isUser = isSame(this.key, String(user), this.signIn.user)
    const isPassword = isSame(this.key, String(password), this.signIn.password)
    if (!isUser || !isPassword) return undefined
    const claim = Buffer.from(JSON.stringify({ user, until: Date.now() + LIFE * 1000, id: randomUUID() }))
    const text = claim.toString('base64url')
    return this.cookie(`${text}.${this.sign(`session ${text}`)}`, LIFE)
  }

  /** The cookie that ends a session. */
  get closed(): string {
    return this.cookie('', 0)
  }

  /** The user who is signed in with this Cookie header. */
  find(cookies: string | undefined): Session | undefined {
    const found = this.read(cookies)
    return found && { user: found.user, csrf: this.sign(`csrf ${found.text}`) }
  }

  /** Tells when the session of this Cookie header is over: by its time, or by {@link end} on this server. */
  endOf(cookies: string | undefined): SessionEnd | undefined {
    const found = this.read(cookies)
    if (!found) return undefined
    const controller = new AbortController()
    const { text, until } = found
    const ends = this.ends.get(text) ?? new Set()
    this.ends.set(text, ends.add(controller))
    const timer = setTimeout(() => controller.abort(), until - Date.now())
    const stop = (): void => {
      clearTimeout(timer)
      ends.delete(controller)
      if (ends.size === 0) this.ends.delete(text)
    }
    return { signal: controller.signal, stop }
  }

  /** Ends what goes on for a session whose user signs out. The browser forgets the cookie, which stays good. */
  end(cookies: string | undefined): void {
    for (const controller of this.ends.get(this.read(cookies)?.text ?? '') ?? []) controller.abort()
  }

  isCsrf(expected: string, given: unknown): boolean {
    return isSame(this.key, String(given), expected)
  }

  private read(cookies: string | undefined): (Claim & { readonly text: string }) | undefined {
    const value = cookies?.split(/; */).find(cookie => cookie.startsWith(`${COOKIE}=`))
    const [text, signature] = value?.slice(COOKIE.length + 1).split('.') ?? []
    // The words before what is signed keep a signature from being good for something else.
    if (!text || !signature || !isSame(this.key, signature, this.sign(`session ${text}`))) return undefined
    const claim = JSON.parse(Buffer.from(text, 'base64url').toString()) as Claim
    return claim.until > Date.now() ? { ...claim, text } : undefined
  }

  /**
   * Lax, not Strict: a user who follows a link to the page from elsewhere stays signed in. Another site can so make a browser
   * send the cookie with a GET of a whole page, and with nothing else; a GET for it changes nothing (see `Access`).
   */
  private cookie(value: string, seconds: number): string {
    const secure = this.isSecure ? '; Secure' : ''
    return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`
  }

  private sign(text: string): string {
    return hmac(this.key, text).toString('base64url')
  }
}

/** In constant time for any lengths. */
function isSame(key: Buffer, a: string, b: string): boolean {
  return timingSafeEqual(hmac(key, a), hmac(key, b))
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
