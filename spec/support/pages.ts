import { expect } from '@jest/globals'
import { mkdir } from 'node:fs/promises'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import type { Store } from '../../lib/store/store.js'
import { openChromium } from './chromium.js'
import { eventually } from './eventually.js'

export const KEY = 'a secret of the test'
export const SIGN_IN = { user: 'ada', password: 'a password of the test' }
export const SCREENSHOTS = 'test-output/page'

const REMEMBER_STATUS = `addEventListener('DOMContentLoaded', () => {
  const status = document.querySelector('#status')
  globalThis.statuses = [status?.textContent ?? '']
  const remember = () => globalThis.statuses.push(status.textContent)
  if (status) new MutationObserver(remember).observe(status, { subtree: true, childList: true, characterData: true })
});`

export interface Holder {
  readonly id: string
  readonly owner: string
  readonly expires_at: string
  readonly since: string
  readonly ttl: number
}

/** Ends the pause of a page after a failure, which is 3 to 4 s, as soon as it has said that it tries again. */
const SHORTEN_PAUSES = `{
  const own = setTimeout
  const isSaid = () => document.querySelector('#status')?.textContent.includes('Trying again')
  globalThis.setTimeout = (act, ms) => {
    if (!(ms >= 3_000 && ms <= 4_000)) return own(act, ms)
    const end = performance.now() + ms
    const timer = setInterval(() => {
      if (!isSaid() && performance.now() < end) return
      clearInterval(timer)
      act()
    }, 50)
    return timer
  }
}`

type Preparation = (page: Page) => Promise<unknown>

/** A server with its page, in a browser. */
export class Pages implements AsyncDisposable {
  /** What the console of any page has told of errors. */
  readonly problems: string[] = []
  private shared: Page | undefined

  private constructor(
    readonly store: MemoryStore,
    readonly url: string,
    readonly browser: Browser,
    private readonly signedIn: BrowserContext,
    private readonly server: RelukkoServer,
  ) {}

  static async open({
    pingSeconds,
    before = store => store,
  }: { pingSeconds?: number; before?: (store: MemoryStore) => Store } = {}): Promise<Pages> {
    await mkdir(SCREENSHOTS, { recursive: true })
    const store = new MemoryStore()
    const options = { store: before(store), apiKeys: { robots: KEY }, signIn: SIGN_IN }
    const server = await RelukkoServer.create({ ...options, ...(pingSeconds && { pingSeconds }) })
    const url = await server.listen({ port: 0 })
    const browser = await openChromium()
    return new Pages(store, url, browser, await signedInAt(url, browser), server)
  }

  /**
   * A tab of a user who is signed in, once it is live and has read all locks. Close it: each tab follows every change.
   * Tabs share the cookies of one browser context, unless another is given.
   * @param before is what is done before it loads.
   */
  async page(before?: Preparation, context = this.signedIn): Promise<Page> {
    const page = await this.blank(context)
    await before?.(page)
    await this.load(page)
    return page
  }

  /**
   * A tab that tests share which do nothing to a tab before it loads: it is loaded anew, without what the test before has done to its
   * requests. To open a tab takes longer than most of these tests.
   */
  async again(): Promise<Page> {
    if (!this.shared) return (this.shared = await this.page())
    await this.shared.unrouteAll({ behavior: 'wait' })
    await this.load(this.shared)
    return this.shared
  }

  /** A browser context of a user who is signed in, for a test that changes cookies, the clock or the screen. */
  context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    return signedInAt(this.url, this.browser, options)
  }

  /** A page as soon as it has loaded, whoever is signed in. */
  async tab(context: BrowserContext, before?: Preparation): Promise<Page> {
    const page = await this.blank(context)
    await before?.(page)
    await page.goto(this.url)
    return page
  }

  async signIn(page: Page): Promise<void> {
    await page.getByLabel('User').fill(SIGN_IN.user)
    await page.getByLabel('Password').fill(SIGN_IN.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }

  live(page: Page): Promise<void> {
    return page.getByText('Live', { exact: true }).waitFor()
  }

  /** Waits until the status has shown this text since the page was loaded, though it may have changed again before a look at it. */
  async said(page: Page, text: string): Promise<void> {
    await eventually(async () =>
      expect(await page.evaluate<string[]>('globalThis.statuses')).toContainEqual(
        expect.stringContaining(text),
      ),
    )
  }

  row(page: Page, name: string): Locator {
    return page.locator('tbody tr').filter({ hasText: name })
  }

  async call(method: string, path: string, body?: object): Promise<Response> {
    return fetch(this.url + path, {
      method,
      headers: { 'x-api-key': KEY, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  }

  /** A lock of Relukko. */
  async take(name: string, creator: string | null = 'a client'): Promise<{ id: string }> {
    const answer = await this.call('POST', '/v1/locks', { lock_name: name, creator })
    return (await answer.json()) as { id: string }
  }

  async holders(name: string, prefix = 'custom'): Promise<Holder[]> {
    const answer = await this.call('GET', `/v2/locks/${prefix}/${name}`)
    return ((await answer.json()) as { holders: Holder[] }).holders
  }

  /** Writes a key as other software would. */
  async put(key: string, value: string): Promise<void> {
    await this.store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
  }

  private async load(page: Page): Promise<void> {
    let isAnew = false
    page.once('framenavigated', () => (isAnew = true))
    // What changes before all locks are read is read with them, and not by itself.
    const areRead = page.waitForResponse(answer => isAnew && answer.url() === `${this.url}/v2/locks`)
    await Promise.all([areRead, page.goto(this.url)])
    await this.live(page)
  }

  private async blank(context: BrowserContext): Promise<Page> {
    const page = await context.newPage()
    page.on('pageerror', error => this.problems.push(error.message))
    page.on('console', message => message.type() === 'error' && this.problems.push(message.text()))
    await page.addInitScript(REMEMBER_STATUS + SHORTEN_PAUSES)
    return page
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signedIn.close()
    await this.server.close()
    await this.store.close()
  }
}

async function signedInAt(
  url: string,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext(options)
  await context.request.post(`${url}/sign-in`, { form: SIGN_IN })
  return context
}
