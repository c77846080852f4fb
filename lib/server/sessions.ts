import { createHmac, scryptSync, timingSafeEqual } from 'node:crypto'

/** Seconds for which one stays signed in. */
const LIFE = 12 * 3_600
const COOKIE = 'spicelock'
const KEY_BYTES = 32

/** Who may sign in to the page. */
export interface SignIn {
  readonly user: string
  readonly password: string
}

/**
 * Sessions that no server needs to remember: each is a cookie that says who and until when, signed with a key that comes
 * of the password. All servers with one password know it, and a new password ends all.
 */
export class Sessions {
  private readonly key: Buffer

  constructor(
    private readonly signIn: SignIn,
    private readonly isSecure: boolean,
  ) {
    // Slow on purpose: who has got hold of a cookie could try passwords on it.
    this.key = scryptSync(signIn.password, `spicelock session of ${signIn.user}`, KEY_BYTES)
  }

  /** The cookie of a session, if these are right. Takes as long for wrong ones. */
  open(user: unknown, password: unknown): string | undefined {
    const isUser = isSame(this.key, String(user), this.signIn.user)
    const isPassword = isSame(this.key, String(password), this.signIn.password)
    if (!isUser || !isPassword) return undefined
    const claim = Buffer.from(JSON.stringify({ user, until: Date.now() + LIFE * 1000 })).toString('base64url')
    return this.cookie(`${claim}.${this.sign(claim)}`, LIFE)
  }

  /** The cookie that ends a session. */
  get closed(): string {
    return this.cookie('', 0)
  }

  /** Who is signed in with this Cookie header, and what proves that he asks himself. */
  find(cookies: string | undefined): { readonly user: string; readonly csrf: string } | undefined {
    const value = cookies?.split(/; */).find(cookie => cookie.startsWith(`${COOKIE}=`))
    const [claim, signature] = value?.slice(COOKIE.length + 1).split('.') ?? []
    if (!claim || !signature || !isSame(this.key, signature, this.sign(claim))) return undefined
    const { user, until } = JSON.parse(Buffer.from(claim, 'base64url').toString()) as {
      user: string
      until: number
    }
    return until > Date.now() ? { user, csrf: this.sign(`csrf ${claim}`) } : undefined
  }

  isCsrf(expected: string, given: unknown): boolean {
    return isSame(this.key, String(given), expected)
  }

  private cookie(value: string, seconds: number): string {
    const secure = this.isSecure ? '; Secure' : ''
    return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`
  }

  private sign(text: string): string {
    return hmac(this.key, text).toString('base64url')
  }
}

/** In constant time, whatever the lengths. */
function isSame(key: Buffer, a: string, b: string): boolean {
  return timingSafeEqual(hmac(key, a), hmac(key, b))
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
