import { mkdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { Lock, Timestamp } from '../../lib/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { hasChromium, openChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
const SIGN_IN = { user: 'ada', password: 'a password of the test' }
const SCREENSHOTS = 'test-output/page'

let store: MemoryStore
let server: RelukkoServer
let url: string

beforeAll(async () => {
  store = new MemoryStore()
  server = await RelukkoServer.create({ store, apiKeys: { robots: KEY }, signIn: SIGN_IN })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  await server.close()
  await store.close()
})

const take = async (name: string, creator: string | null = 'a client'): Promise<{ id: string }> => {
  const answer = await fetch(`${url}/v1/locks`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ lock_name: name, creator }),
  })
  return (await answer.json()) as { id: string }
}
const state = (name: string): Promise<{ holders: { id: string; owner: string; expires_at: string }[] }> =>
  fetch(`${url}/v2/locks/custom/${name}`, { headers: { 'x-api-key': KEY } }).then(
    answer => answer.json() as ReturnType<typeof state>,
  )
const signIn = async (password: string, address = url): Promise<Response> =>
  fetch(`${address}/sign-in`, {
    method: 'POST',
    body: new URLSearchParams({ user: SIGN_IN.user, password }),
    redirect: 'manual',
  })

describe('without a browser', () => {
  const cookieOf = (answer: Response): string => answer.headers.get('set-cookie')!.split(';')[0]!

  it('there is nothing without sign-in', async () => {
    const page = await fetch(url, { redirect: 'manual' })
    expect([page.status, page.headers.get('location')]).toEqual([303, '/sign-in'])
    for (const path of ['/session', '/v2/locks', '/v2/events', '/v1/locks']) {
      for (const cookie of ['', 'spicelock=', 'spicelock=a.b', `spicelock=${btoa('{"user":"ada"}')}.x`]) {
        expect((await fetch(url + path, { headers: { cookie } })).status).toBe(403)
      }
    }
  })

  it('a wrong password opens nothing, and is refused after many', async () => {
    const other = await RelukkoServer.create({ store, apiKeys: { robots: KEY }, signIn: SIGN_IN })
    const address = await other.listen({ port: 0 })
    const places: (string | null)[] = []
    for (let count = 0; count < 21; count++) {
      const answer = await signIn(`wrong ${count}`, address)
      expect(answer.headers.get('set-cookie')).toBeNull()
      places.push(answer.headers.get('location'))
    }
    expect(places.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => '/sign-in?problem=wrong'))
    expect(places[20]).toBe('/sign-in?problem=often')
    expect((await signIn(SIGN_IN.password, address)).headers.get('location')).toBe('/sign-in?problem=often')
    await other.close()
  })

  it('the cookie is for this site and the network only, and good for every server with the password', async () => {
    const answer = await signIn(SIGN_IN.password)
    expect(answer.headers.get('location')).toBe('/')
    expect(answer.headers.get('set-cookie')).toMatch(
      /^spicelock=\S+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
    )
    const cookie = cookieOf(answer)
    const others = [SIGN_IN, { ...SIGN_IN, password: 'a new one' }]
    const found = await Promise.all(
      others.map(async signInOfOther => {
        const other = await RelukkoServer.create({ store, apiKeys: { robots: KEY }, signIn: signInOfOther })
        const { status } = await fetch(`${await other.listen({ port: 0 })}/v2/locks`, { headers: { cookie } })
        await other.close()
        return status
      }),
    )
    expect(found).toEqual([200, 403])
  })

  it('changes nothing for a cookie without the token of the page', async () => {
    const cookie = cookieOf(await signIn(SIGN_IN.password))
    const { id } = await take('guarded')
    const { csrf } = (await (await fetch(`${url}/session`, { headers: { cookie } })).json()) as {
      csrf: string
    }
    const release = async (token: Record<string, string>): Promise<number> =>
      (await fetch(`${url}/v1/locks/${id}`, { method: 'DELETE', headers: { cookie, ...token } })).status
    expect(await release({})).toBe(403)
    expect(await release({ 'x-csrf-token': 'x' })).toBe(403)
    // These change something, and a link would do.
    expect((await fetch(`${url}/v1/locks/${id}/keep_alive`, { headers: { cookie } })).status).toBe(403)
    expect(await release({ 'x-csrf-token': csrf })).toBe(200)
  })

  it('another site signs nobody in', async () => {
    const answer = await fetch(`${url}/sign-in`, {
      method: 'POST',
      headers: { 'sec-fetch-site': 'cross-site' },
      body: new URLSearchParams(SIGN_IN),
    })
    expect(answer.status).toBe(403)
  })

  it('there is no page where nobody may sign in', async () => {
    const other = await RelukkoServer.create({ store, apiKeys: { robots: KEY } })
    const address = await other.listen({ port: 0 })
    expect((await fetch(address)).status).toBe(404)
    expect((await signIn('undefined', address)).status).toBe(404)
    await other.close()
  })
})

;(hasChromium ? describe : describe.skip)('in Chromium', () => {
  let browser: Browser
  const pages: Page[] = []
  const problems: string[] = []

  beforeAll(async () => {
    await mkdir(SCREENSHOTS, { recursive: true })
    browser = await openChromium()
  }, 60_000)
  afterAll(() => browser.close())

  const open = async (options: BrowserContextOptions = {}, script = ''): Promise<Page> => {
    const page = await (await browser.newContext(options)).newPage()
    await page.addInitScript(script)
    page.on('pageerror', error => problems.push(error.message))
    page.on('console', message => message.type() === 'error' && problems.push(message.text()))
    await page.goto(url)
    await page.getByLabel('User').fill(SIGN_IN.user)
    await page.getByLabel('Password').fill(SIGN_IN.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Live', { exact: true }).waitFor()
    pages.push(page)
    return page
  }
  const row = (page: Page, name: string): ReturnType<Page['locator']> =>
    page.locator('tbody tr').filter({ hasText: name })

  it('two browsers and a client see what each other does', async () => {
    const [one, two] = await Promise.all([open(), open({ colorScheme: 'dark' })])
    await take('of the client', 'the client')
    await Promise.all([one, two].map(page => row(page, 'of the client').waitFor()))
    expect(await row(one, 'of the client').innerText()).toMatch(/the client\s+127\.0\.0\.1/)

    await one.getByRole('button', { name: 'New lock' }).click()
    await one.getByRole('dialog').getByLabel('Name').fill('of the page')
    await one.getByRole('dialog').getByLabel('Owner').fill('ada herself')
    await one.getByRole('button', { name: 'Take it' }).click()
    await row(two, 'of the page').getByText('ada herself').waitFor()
    expect((await state('of the page')).holders[0]!.owner).toBe('ada herself')

    await two.getByRole('button', { name: /^Change custom\/of the page/ }).click()
    const dialog = two.getByRole('dialog')
    await dialog.getByLabel('Owner').fill('ada and two')
    await dialog.getByLabel('Expires').fill('2099-12-01T23:12:00')
    await dialog.getByRole('button', { name: 'Change' }).click()
    await row(one, 'of the page').getByText('ada and two').waitFor()
    expect((await state('of the page')).holders[0]!.expires_at).toBe('2099-12-01T23:12:00.000000Z')

    await one.getByRole('button', { name: /^Keep alive custom\/of the page/ }).click()
    await eventually(async () => {
      const { expires_at: expires } = (await state('of the page')).holders[0]!
      expect(Math.abs(Date.parse(expires) - Date.now() - 300_000)).toBeLessThan(10_000)
    })
    await row(two, 'of the page')
      .getByText(/^[45] min/)
      .waitFor()

    const native = new Lock({ store, prefix: 'custom', owner: 'one who waits', dryRun: false })
    const waiting = native.acquire('of the page', { concurrency: 1, ttl: 60 })
    await row(one, 'of the page').getByText('1 waiting').click()
    await row(one, 'of the page')
      .getByText(/one who waits, since/)
      .waitFor()
    await one.screenshot({ path: `${SCREENSHOTS}/light.png` })
    await two.screenshot({ path: `${SCREENSHOTS}/dark.png` })

    await two.getByRole('button', { name: /^Release custom\/of the page/ }).click()
    await two.getByRole('button', { name: 'Release', exact: true }).click()
    expect((await state('of the page')).holders[0]!.owner).toBe('ada and two')
    await two.getByLabel('Reason').fill('rack on fire')
    await two.getByRole('button', { name: 'Release', exact: true }).click()
    await row(one, 'of the page').locator('td', { hasText: 'one who waits' }).first().waitFor()
    await waiting
    await one
      .locator('#history')
      .getByText(/forced \(ada and two\), by ada: rack on fire/)
      .waitFor()
    await native.close()
  }, 60_000)

  it('says what went wrong, and writes no markup that a name holds', async () => {
    const page = await open()
    const name = '<img src=x onerror=alert(1)>'
    for (const expected of ['taken', 'refused']) {
      await page.getByRole('button', { name: 'New lock' }).click()
      await page.getByRole('dialog').getByLabel('Name').fill(name)
      await page.getByRole('button', { name: 'Take it' }).click()
      if (expected === 'taken') await row(page, name).waitFor()
      else await page.getByRole('alert').filter({ hasText: 'is not available' }).waitFor()
    }
    expect(await page.locator('tbody img').count()).toBe(0)
    await page.keyboard.press('Escape')
  }, 30_000)

  it('changes only what was edited', async () => {
    const page = await open()
    const put = (id: string, body: object): Promise<{ creator: unknown; expires_at: unknown }> =>
      fetch(`${url}/v1/locks/${id}`, {
        method: 'PUT',
        headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }).then(answer => answer.json() as ReturnType<typeof put>)
    const { id } = await take('edited', null)
    const expires = '2099-12-01T23:12:00.123456Z'
    await put(id, { expires_at: expires })
    await row(page, 'edited').waitFor()
    const dialog = page.getByRole('dialog')
    const change = async (label: string, value: string): Promise<void> => {
      await page.getByRole('button', { name: /^Change custom\/edited/ }).click()
      await dialog.getByLabel(label).fill(value)
      await dialog.getByRole('button', { name: 'Change' }).click()
    }
    await change('Expires', '2099-12-02T00:00:00')
    await dialog.waitFor({ state: 'hidden' })
    expect(await put(id, {})).toMatchObject({ creator: null, expires_at: '2099-12-02T00:00:00.000000Z' })
    await put(id, { expires_at: expires })
    await change('Owner', 'ada')
    await dialog.waitFor({ state: 'hidden' })
    expect(await put(id, {})).toMatchObject({ creator: 'ada', expires_at: expires })
    await row(page, 'edited').getByText('ada', { exact: true }).waitFor()
    await change('Owner', '')
    await page.getByRole('alert').filter({ hasText: 'cannot be left out' }).waitFor()
    await page.keyboard.press('Escape')
  }, 30_000)

  it('counts down by the clock of the server, and shows names as clients know them', async () => {
    const page = await open({}, 'const now = Date.now; Date.now = () => now() - 7_200_000')
    await take('100% of the rack/shelf')
    const remaining = row(page, '100% of the rack/shelf').locator('[data-label=Remaining]')
    await remaining.getByText(/^9 min/).waitFor()
    await page.locator('#history').getByText('custom/100% of the rack/shelf granted').waitFor()
    await page.getByRole('button', { name: /^Release custom\/100% of the rack\/shelf/ }).click()
    await page.getByLabel('Reason').fill('test')
    await page.getByRole('button', { name: 'Release', exact: true }).click()
    await row(page, '100% of the rack/shelf').waitFor({ state: 'detached' })
  }, 30_000)

  it('listens again after it was answered with an error, and asks for a sign-in when nobody is signed in', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.route('**/v2/events', route => route.fulfill({ status: 503, body: 'down' }), { times: 1 })
    await page.goto(url)
    await page.getByLabel('User').fill(SIGN_IN.user)
    await page.getByLabel('Password').fill(SIGN_IN.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The connection is lost').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    await page.route('**/v2/events', route => route.fulfill({ status: 403, body: '{}' }))
    await page.reload()
    await page.getByText('The connection is lost').waitFor()
    await context.clearCookies()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await context.close()
  }, 30_000)

  it('reads again what it could not read', async () => {
    const page = await open()
    await page.route('**/v2/locks/custom/missed', route => route.fulfill({ status: 503, body: '{}' }), {
      times: 1,
    })
    await take('missed')
    await page.getByText('Trying again').waitFor()
    await row(page, 'missed').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    await page.route('**/v2/locks', route => route.fulfill({ status: 503, body: '{}' }), { times: 1 })
    await page.reload()
    await page.getByText('Trying again').waitFor()
    await row(page, 'missed').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
  }, 30_000)

  it('an answer that comes late ends no other dialog', async () => {
    const page = await open()
    let answer = (): void => {}
    const held = new Promise<void>(resolve => (answer = resolve))
    await page.route('**/v1/locks', async route => {
      await held
      await route.continue()
    })
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'New lock' }).click()
    await dialog.getByLabel('Name').fill('late')
    await page.getByRole('button', { name: 'Take it' }).click()
    expect(await page.getByRole('button', { name: 'Take it' }).isDisabled()).toBe(true)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'New lock' }).click()
    await dialog.getByLabel('Name').fill('another')
    answer()
    await row(page, 'late').waitFor()
    await page.evaluate('new Promise(resolve => setTimeout(resolve, 300))')
    expect(await dialog.getByLabel('Name').inputValue()).toBe('another')
    expect(await page.getByRole('button', { name: 'Take it' }).isDisabled()).toBe(false)
    await page.keyboard.press('Escape')
  }, 30_000)

  it('fits a phone', async () => {
    const page = await open({ viewport: { width: 390, height: 844 }, isMobile: true })
    await take('a lock with quite a long name that goes on and on and on')
    await row(page, 'a long name').waitFor()
    const tooWide = await page.evaluate<number>('document.body.scrollWidth - window.innerWidth')
    expect(tooWide).toBeLessThanOrEqual(0)
    await page.screenshot({ path: `${SCREENSHOTS}/phone.png` })
  }, 30_000)

  it('is usable at 10,000 locks', async () => {
    const created = String(Timestamp.now())
    for (let number = 0; number < 10_000; number++) {
      const entry = { concurrency: 1, created, owner: 'a cookbook', ttl: 3_600 }
      const key = `/spicerack/locks/cookbooks/many-${number}`
      const value = JSON.stringify({ [`id-${number}`]: entry })
      await store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
    }
    const page = await open()
    await page.getByText(/^10\d\d\d holdings$/).waitFor({ timeout: 30_000 })
    const start = performance.now()
    await page.getByLabel('Search').fill('many-9876')
    await page.getByText(/^1 of 10/).waitFor()
    await row(page, 'many-9876').waitFor()
    expect(performance.now() - start).toBeLessThan(3_000)
    await page.getByLabel('Search').fill('')
    await page.getByRole('button', { name: 'Name', exact: true }).click()
    expect(await page.locator('th[aria-sort="descending"]').innerText()).toContain('Name')
    expect(await page.locator('tbody tr').count()).toBe(100)
    await page.screenshot({ path: `${SCREENSHOTS}/many.png` })
  }, 120_000)

  it('ends a session, and has reported no error', async () => {
    const page = await open()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.goto(url)
    expect(page.url()).toBe(`${url}/sign-in`)
    // What is refused on purpose is said in the console, too.
    expect(problems.filter(problem => !/409|503/.test(problem))).toEqual([])
  }, 30_000)
})
