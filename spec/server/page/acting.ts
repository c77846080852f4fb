import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Page } from 'playwright-core'
import { Lock } from '../../../lib/index.js'
import { hasChromium } from '../../support/chromium.js'
import { eventually } from '../../support/eventually.js'
import { Pages } from '../../support/pages.js'

;(hasChromium ? describe : describe.skip)('the page, in Chromium', () => {
  let pages: Pages

  beforeAll(async () => {
    pages = await Pages.open()
  }, 60_000)
  afterAll(async () => {
    await pages[Symbol.asyncDispose]()
  })

  it('two browsers and a client see what each other does', async () => {
    await using another = await pages.context({ colorScheme: 'dark' })
    const one = await pages.again()
    const two = await pages.page(undefined, another)
    await pages.take('of the client', 'the client')
    await Promise.all([one, two].map(page => pages.row(page, 'of the client').waitFor()))
    expect(await pages.row(one, 'of the client').innerText()).toMatch(/the client\s+127\.0\.0\.1/)

    await one.getByRole('button', { name: 'New lock' }).click()
    await one.getByRole('dialog').getByLabel('Name').fill('of the page')
    await one.getByRole('dialog').getByLabel('Owner').fill('ada herself')
    await one.getByRole('button', { name: 'Take it' }).click()
    await pages.row(two, 'of the page').getByText('ada herself').waitFor()
    expect((await pages.holders('of the page'))[0]!.owner).toBe('ada herself')

    await two.getByRole('button', { name: /^Change custom\/of the page/ }).click()
    const dialog = two.getByRole('dialog')
    await dialog.getByLabel('Owner').fill('ada and two')
    await dialog.getByLabel('Expires').fill('2099-12-01T23:12:00')
    await dialog.getByRole('button', { name: 'Change' }).click()
    await pages.row(one, 'of the page').getByText('ada and two').waitFor()
    expect((await pages.holders('of the page'))[0]!.expires_at).toBe('2099-12-01T23:12:00.000000Z')

    const native = new Lock({ store: pages.store, prefix: 'custom', owner: 'one who waits', dryRun: false })
    const waiting = native.acquire('of the page', { concurrency: 1, ttl: 60 })
    await pages.row(one, 'of the page').getByText('1 waiting').click()
    await pages
      .row(one, 'of the page')
      .getByText(/one who waits, since/)
      .waitFor()

    await two.getByRole('button', { name: /^Release custom\/of the page/ }).click()
    await two.getByRole('button', { name: 'Release', exact: true }).click()
    expect((await pages.holders('of the page'))[0]!.owner).toBe('ada and two')
    await two.getByLabel('Reason').fill('rack on fire')
    await two.getByRole('button', { name: 'Release', exact: true }).click()
    await pages.row(one, 'of the page').locator('td', { hasText: 'one who waits' }).first().waitFor()
    await waiting
    await one
      .locator('#history')
      .getByText(/forced \(ada and two\), by ada: rack on fire/)
      .waitFor()
    await native.close()
  }, 60_000)

  it('says what went wrong, and writes no markup that a name holds', async () => {
    const page = await pages.again()
    const name = '<img src=x onerror=alert(1)>'
    for (const expected of ['taken', 'refused']) {
      await page.getByRole('button', { name: 'New lock' }).click()
      await page.getByRole('dialog').getByLabel('Name').fill(name)
      await page.getByRole('button', { name: 'Take it' }).click()
      if (expected === 'taken') await pages.row(page, name).waitFor()
      else await page.getByRole('alert').filter({ hasText: 'is not available' }).waitFor()
    }
    expect(await page.locator('tbody img').count()).toBe(0)
    await page.keyboard.press('Escape')
  }, 30_000)

  it('changes only what was edited', async () => {
    const page = await pages.again()
    const put = (id: string, body: object): Promise<{ creator: unknown; expires_at: unknown }> =>
      pages.call('PUT', `/v1/locks/${id}`, body).then(answer => answer.json() as ReturnType<typeof put>)
    const { id } = await pages.take('edited', null)
    const expires = '2099-12-01T23:12:00.123456Z'
    await put(id, { expires_at: expires })
    await pages.row(page, 'edited').waitFor()
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
    await pages.row(page, 'edited').getByText('ada', { exact: true }).waitFor()
    await change('Owner', '')
    await page.getByRole('alert').filter({ hasText: 'cannot be left out' }).waitFor()
    await page.keyboard.press('Escape')
  }, 30_000)

  it('counts down by the clock of the server, and shows names as clients know them', async () => {
    await using page = await pages.page(each =>
      each.addInitScript('const now = Date.now; Date.now = () => now() - 7_200_000'),
    )
    await pages.take('100% of the rack/shelf')
    const remaining = pages.row(page, '100% of the rack/shelf').locator('[data-label=Remaining]')
    await remaining.getByText(/^9 min/).waitFor()
    await page.locator('#history').getByText('custom/100% of the rack/shelf granted').waitFor()
    await page.getByRole('button', { name: /^Release custom\/100% of the rack\/shelf/ }).click()
    await page.getByLabel('Reason').fill('test')
    await page.getByRole('button', { name: 'Release', exact: true }).click()
    await pages.row(page, '100% of the rack/shelf').waitFor({ state: 'detached' })
  }, 30_000)

  it('an answer that comes late ends no other dialog', async () => {
    const page = await pages.again()
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
    await pages.row(page, 'late').waitFor()
    await page.evaluate('new Promise(resolve => setTimeout(resolve, 300))')
    expect(await dialog.getByLabel('Name').inputValue()).toBe('another')
    expect(await page.getByRole('button', { name: 'Take it' }).isDisabled()).toBe(false)
    await page.keyboard.press('Escape')
  }, 30_000)

  it('does at Enter what a dialog is for, and nothing at Escape and Cancel', async () => {
    const page = await pages.again()
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'New lock' }).click()
    // The name is what one writes first; the owner is who is signed in.
    expect(await dialog.getByLabel('Owner').inputValue()).toBe('ada')
    await page.keyboard.type('by Enter')
    await page.keyboard.press('Enter')
    await pages.row(page, 'by Enter').getByText('ada', { exact: true }).waitFor()
    await dialog.waitFor({ state: 'hidden' })

    await page.getByRole('button', { name: /^Change custom\/by Enter/ }).click()
    await dialog.getByLabel('Owner').fill('somebody')
    await page.keyboard.press('Enter')
    await pages.row(page, 'by Enter').getByText('somebody').waitFor()
    await dialog.waitFor({ state: 'hidden' })

    for (const leave of [
      () => page.keyboard.press('Escape'),
      () => dialog.getByRole('button', { name: 'Cancel' }).click(),
    ]) {
      await page.getByRole('button', { name: /^Release custom\/by Enter/ }).click()
      await dialog.getByLabel('Reason').fill('none')
      await leave()
      await dialog.waitFor({ state: 'hidden' })
    }
    expect(await pages.holders('by Enter')).toHaveLength(1)
    await page.getByRole('button', { name: /^Release custom\/by Enter/ }).click()
    await page.keyboard.type('done')
    await page.keyboard.press('Enter')
    await pages.row(page, 'by Enter').waitFor({ state: 'detached' })
  }, 30_000)

  it('keeps alive without ever making it shorter, and leaves native holders their ttl', async () => {
    const page = await pages.again()
    const keepAlive = (name: string): Promise<void> =>
      page.getByRole('button', { name: new RegExp(`^Keep alive \\w+/${name}`) }).click()
    const { id } = await pages.take('long')
    const expires = '2099-12-01T23:12:00.123456Z'
    await pages.call('PUT', `/v1/locks/${id}`, { expires_at: expires })
    await pages.row(page, 'long').waitFor()
    await keepAlive('long')
    await page.getByRole('alert').filter({ hasText: 'there is nothing to do' }).waitFor()
    expect((await pages.holders('long'))[0]!.expires_at).toBe(expires)

    await pages.call('PUT', `/v1/locks/${id}/keep_alive`, { seconds: 20 })
    await keepAlive('long')
    await eventually(async () => {
      const { expires_at: now } = (await pages.holders('long'))[0]!
      expect(Math.abs(Date.parse(now) - Date.now() - 300_000)).toBeLessThan(10_000)
    })
    await page.locator('#message:empty').waitFor({ state: 'attached' })

    await using native = new Lock({ store: pages.store, prefix: 'custom', owner: 'native', dryRun: false })
    for (const ttl of [40, 3_600]) {
      const held = await native.acquire(`native ${ttl}`, { concurrency: 1, ttl })
      await pages.row(page, `native ${ttl}`).waitFor()
      const { since } = (await pages.holders(`native ${ttl}`))[0]!
      const created = async () => (await native.get(`native ${ttl}`)).locks.get(held)!.created
      const before = await created()
      await keepAlive(`native ${ttl}`)
      await eventually(async () => {
        const [holder] = await pages.holders(`native ${ttl}`)
        expect(holder).toMatchObject({ ttl, since })
        expect(before.isBefore(await created())).toBe(true)
      })
      await native.release(`native ${ttl}`, held)
    }
    await page.route('**/v1/locks/**', route => route.fulfill({ status: 503, json: { message: 'no\nluck' } }))
    await pages.call('PUT', `/v1/locks/${id}/keep_alive`, { seconds: 20 })
    await keepAlive('long')
    const message = page.locator('#message')
    await message.filter({ hasText: 'luck' }).waitFor()
    await pages.take('something else')
    await pages.row(page, 'something else').waitFor()
    expect(await message.innerText()).toBe('no\nluck')
  }, 60_000)

  it('says what is left: that a holder renews itself, or that it is expired and still blocks others', async () => {
    const page = await pages.again()
    await using native = new Lock({ store: pages.store, prefix: 'cookbooks', owner: 'native', dryRun: false })
    const held = await native.hold('renewed', { concurrency: 1, ttl: 2, keepAlive: true })
    const calm = pages.row(page, 'renewed').locator('.renewed:not(.late)')
    await calm.getByText('renewed by its holder').waitFor()
    await held.release()
    const { id } = await pages.take('past')
    const since = await pages.row(page, 'past').locator('[data-label=Since]').innerText()
    const past = new Date(Date.now() - 60_000).toISOString()
    await pages.call('PUT', `/v1/locks/${id}`, { expires_at: past })
    await pages
      .row(page, 'past')
      .getByText(/^expired, blocks others for (2 min 0 s|1 min \d+ s) more$/)
      .waitFor()
    expect(await pages.row(page, 'past').locator('[data-label=Since]').innerText()).toBe(since)
    expect(since).toBe(new Date(since.replace(' ', 'T') + 'Z').toISOString().slice(0, 19).replace('T', ' '))
  }, 30_000)

  it('tells the holdings of one owner apart, and keeps the focus on the one that has it', async () => {
    const page = await pages.again()
    const lock = new Lock({ store: pages.store, prefix: 'cookbooks', owner: 'same', dryRun: false })
    const ids = [
      await lock.acquire('semaphore', { concurrency: 3, ttl: 60 }),
      await lock.acquire('semaphore', { concurrency: 3, ttl: 60 }),
    ]
    const release = (id: string): ReturnType<Page['locator']> =>
      page.getByRole('button', { name: `Release cookbooks/semaphore, held by same, id ${id}` })
    await release(ids[1]!).focus()
    await page.evaluate('document.activeElement.isSame = true')
    await lock.acquire('a first one', { concurrency: 1, ttl: 60 })
    await pages.row(page, 'a first one').waitFor()
    await lock.release('semaphore', ids[0]!)
    await release(ids[0]!).waitFor({ state: 'detached' })
    expect(await page.evaluate('document.activeElement.isSame')).toBe(true)
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByText(ids[1]!).waitFor()
    await page.keyboard.type('which one?')
    await page.keyboard.press('Enter')
    await pages.row(page, 'semaphore').waitFor({ state: 'detached' })
    await lock.close()
  }, 30_000)

  it('lets stand what somebody looks at: what is open, selected or pressed while others come and go', async () => {
    const page = await pages.again()
    await using lock = new Lock({ store: pages.store, prefix: 'modules', owner: 'other', dryRun: false })
    const { id } = await pages.take('watched')
    const stop = new AbortController()
    await using waiter = new Lock({ store: pages.store, prefix: 'custom', owner: 'patient', dryRun: false })
    const waiting = waiter
      .acquire('watched', { concurrency: 1, ttl: 60, signal: stop.signal })
      .catch(() => {})
    const row = pages.row(page, 'watched')
    await row.getByText('1 waiting').click()
    await row.getByText('patient').waitFor()
    await page.evaluate(
      `getSelection().selectAllChildren([...document.querySelectorAll('bdi.name')].find(each => each.textContent === 'watched'))`,
    )
    await page.getByRole('button', { name: /^Keep alive custom\/watched/ }).hover()
    await page.mouse.down()
    for (let count = 0; count < 3; count++)
      await lock.acquire(`spicerack.a${count}`, { concurrency: 1, ttl: 60 })
    await page.locator('#status').getByText('Live').waitFor()
    await eventually(async () => expect((await pages.holders('spicerack.a2', 'modules')).length).toBe(1))
    // What was held back while something was pressed.
    await page.mouse.up()
    await pages.row(page, 'spicerack.a2').waitFor()
    await page.getByRole('alert').filter({ hasText: 'lasts for' }).waitFor()
    await pages.call('PUT', `/v1/locks/${id}`, { creator: 'changed' })
    await row.getByText('changed').waitFor()
    expect(await row.getByText('patient').isVisible()).toBe(true)
    expect(await page.evaluate('String(getSelection())')).toBe('watched')
    stop.abort()
    await waiting
  }, 30_000)

  it('shows names as they are, whatever they hold', async () => {
    const page = await pages.again()
    const name = 'two  spaces and \u202Ereversed'
    await pages.take(name, 'who')
    const shown = page.locator('#rows bdi.name').filter({ hasText: 'reversed' })
    expect(await shown.innerText()).toBe(name)
    expect(
      await page.evaluate("getComputedStyle(document.querySelector('#rows bdi.name')).whiteSpace"),
    ).toMatch(/^(pre-wrap|preserve)/)
    const inHistory = page.locator('#history bdi').filter({ hasText: 'reversed' })
    expect(await inHistory.innerText()).toBe(`custom/${name}`)
    await page.getByLabel('Search').fill('nothing of this kind')
    await page.getByText('No lock matches the search.').waitFor()
    await page.locator('#found').filter({ hasText: /^0 of/ }).waitFor({ state: 'attached' })
    await page.getByLabel('Search').fill('reversed')
    await page.getByRole('button', { name: /^Release custom\/two/ }).click()
    expect(await page.getByRole('dialog').locator('h2 bdi').innerText()).toBe(`custom/${name}`)
    await page.keyboard.press('Escape')
  }, 30_000)

  it('reads, changes and releases locks whose names a URL would take for steps', async () => {
    const page = await pages.again()
    await using native = new Lock({ store: pages.store, prefix: 'cookbooks', owner: 'native', dryRun: false })
    await native.acquire('..', { concurrency: 1, ttl: 600 })
    await pages.take('.', 'of Relukko')
    const row = (name: string): ReturnType<Page['locator']> =>
      page.locator('#rows tr').filter({ has: page.getByText(name, { exact: true }) })
    for (const [name, change] of [
      ['..', { label: 'Seconds', value: '5000', shows: /^1 h 2\d min/ }],
      ['.', { label: 'Owner', value: 'changed', shows: /^changed$/ }],
    ] as const) {
      await row(name).getByRole('button', { name: 'Change' }).click()
      await page.getByRole('dialog').getByLabel(change.label).fill(change.value)
      await page.keyboard.press('Enter')
      await row(name).getByText(change.shows).waitFor()
      await row(name).getByRole('button', { name: 'Release' }).click()
      await page.keyboard.type('done')
      await page.keyboard.press('Enter')
      await row(name).waitFor({ state: 'detached' })
    }
  }, 30_000)

  it('ends a session, and has reported no error', async () => {
    await using context = await pages.browser.newContext()
    const page = await pages.tab(context)
    await pages.signIn(page)
    await page.getByRole('link', { name: 'API' }).waitFor()
    const other = await pages.page(undefined, context)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    // The other tab is told, too.
    await other.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.goBack()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.goto(pages.url)
    expect(page.url()).toBe(`${pages.url}/sign-in`)
    // What is refused on purpose is said in the console, too.
    expect(pages.problems.filter(problem => !/40[39]|503/.test(problem))).toEqual([])
  }, 30_000)
})
