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
})`

export interface Holder {
  readonly id: string
  readonly owner: string
  readonly expires_at: string
  readonly since: string
  readonly ttl: number
}

/** A server with its page, in a browser. */
export class Pages implements AsyncDisposable {
  /** What the console of any page has told of errors. */
  readonly problems: string[] = []

  private constructor(
    readonly store: MemoryStore,
    readonly url: string,
    readonly browser: Browser,
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
    return new Pages(store, url, await openChromium(), server)
  }

  /** A page of a user who is signed in, once it is live and has read all locks. @param before is what is done before it loads. */
  async page(
    options: BrowserContextOptions = {},
    before: (page: Page) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<Page> {
    const context = await this.browser.newContext(options)
    const page = await this.tab(context, before)
    // What changes before all locks are read is read with them, and not by itself.
    const allRead = page.waitForResponse('**/v2/locks')
    await this.signIn(page)
    await this.live(page)
    await allRead
    return page
  }

  async tab(
    context: BrowserContext,
    before: (page: Page) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<Page> {
    const page = await context.newPage()
    page.on('pageerror', error => this.problems.push(error.message))
    page.on('console', message => message.type() === 'error' && this.problems.push(message.text()))
    await before(page)
    await page.addInitScript(REMEMBER_STATUS)
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close()
    await this.server.close()
    await this.store.close()
  }
}
