import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { hasChromium } from '../../support/chromium.js'
import { eventually } from '../../support/eventually.js'
import { FaultyStore, lineFaults } from '../../support/faulty-store.js'
import { Pages, SIGN_IN } from '../../support/pages.js'

;(hasChromium ? describe : describe.skip)('the page, live, in Chromium', () => {
  let pages: Pages
  let faulty: FaultyStore

  beforeAll(async () => {
    pages = await Pages.open({
      pingSeconds: 0.5,
      before: store => (faulty = new FaultyStore(store)),
    })
  }, 60_000)
  afterAll(async () => {
    await pages[Symbol.asyncDispose]()
  })

  it('listens again after it was answered with an error, and asks for a sign-in when nobody is signed in', async () => {
    await using context = await pages.browser.newContext()
    const page = await pages.tab(context, each =>
      each.route('**/v2/events', route => route.fulfill({ status: 503, body: 'down' }), { times: 1 }),
    )
    await pages.signIn(page)
    await pages.said(page, 'The connection is lost')
    await pages.live(page)
    await page.route('**/v2/events', route => route.fulfill({ status: 403, body: '{}' }))
    await page.reload()
    await pages.said(page, 'The connection is lost')
    await context.clearCookies()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  }, 30_000)

  it('reads again what it could not read', async () => {
    const page = await pages.again()
    await page.route('**/v2/locks/custom/missed', route => route.fulfill({ status: 503, body: '{}' }), {
      times: 1,
    })
    await pages.take('missed')
    await pages.said(page, 'Trying again')
    await pages.row(page, 'missed').waitFor()
    await pages.live(page)
    await page.route('**/v2/locks', route => route.fulfill({ status: 503, body: '{}' }), { times: 1 })
    await page.reload()
    await pages.said(page, 'Trying again')
    await pages.row(page, 'missed').waitFor()
    await pages.live(page)
  }, 30_000)

  it('one lock that cannot be read keeps no other from being shown, and what is refused is not asked for again', async () => {
    const page = await pages.again()
    let asked = 0
    await page.route('**/v2/locks/custom/bad', route => route.fulfill({ status: 503, body: '{}' }))
    await page.route('**/v2/locks/custom/refused', route => {
      asked++
      return route.fulfill({ status: 404, body: '{}' })
    })
    await Promise.all(['bad', 'refused', 'good'].map(name => pages.take(name)))
    await pages.row(page, 'good').waitFor()
    await pages.said(page, 'Trying again')
    await page.unroute('**/v2/locks/custom/bad')
    await pages.row(page, 'bad').waitFor()
    await pages.live(page)
    expect(asked).toBe(1)
    // What nobody can read is shown with what is wrong with it; what is not served is not told of.
    await pages.put('/spicerack/locks/custom/broken', 'no JSON')
    await pages.put('/spicerack/locks/holders/custom/broken/id', '{}')
    await pages.put('/spicerack/locks/holders/elsewhere/unserved/id', '{}')
    await pages.row(page, 'broken').getByText('Unable to read').waitFor()
    expect(await page.locator('#history').innerText()).not.toContain('unserved')
    await pages.live(page)
  }, 30_000)

  it('an answer that comes late does not hide a newer one', async () => {
    const page = await pages.again()
    let answer = (): void => {}
    const late = new Promise<void>(resolve => (answer = resolve))
    const { id } = await pages.take('overtaken', 'first')
    await pages.row(page, 'overtaken').waitFor()
    let isHeld = false
    await page.route(
      '**/v2/locks/custom/overtaken',
      async route => {
        const old = await route.fetch()
        isHeld = true
        await late
        await route.fulfill({ response: old })
      },
      { times: 1 },
    )
    // The reading of this is held back, and what a button does meanwhile is not.
    await pages.call('PUT', `/v1/locks/${id}`, { creator: 'second' })
    await eventually(() => expect(isHeld).toBe(true))
    await page.getByRole('button', { name: /^Release custom\/overtaken/ }).click()
    await page.keyboard.type('done')
    await page.keyboard.press('Enter')
    await pages.row(page, 'overtaken').waitFor({ state: 'detached' })
    const seen = page.waitForResponse('**/v2/locks/custom/overtaken')
    answer()
    await seen
    await pages.take('after that')
    await pages.row(page, 'after that').waitFor()
    expect(await pages.row(page, 'overtaken').count()).toBe(0)
  }, 30_000)

  it('says when etcd does not answer, and when it does again', async () => {
    const page = await pages.again()
    faulty.befall(1, lineFaults[1]![1], 1_000_000)
    await pages.said(page, 'etcd does not answer')
    faulty.befall(1, lineFaults[1]![1], 0)
    await pages.live(page)
  }, 30_000)

  it('takes a line that is silent for lost, and says what was not seen', async () => {
    await using context = await pages.context()
    const page = await pages.page(each => each.clock.install(), context)
    const opened = page.waitForRequest('**/v2/events')
    await page.route('**/v2/events', () => {})
    await page.clock.fastForward(60_000)
    await pages.said(page, 'The connection is silent')
    expect(await page.locator('#history li').count()).toBe(0)
    await page.clock.fastForward(5_000)
    await opened
    await page.unroute('**/v2/events')
    // That one is never answered either.
    await page.clock.fastForward(60_000)
    await page.clock.fastForward(5_000)
    await pages.live(page)
    await page
      .locator('#history')
      .getByText(/nothing was seen from \d{4}-\d\d-\d\d \d\d:\d\d:\d\d to /)
      .first()
      .waitFor()
  }, 30_000)

  it('gives up a question that is not answered in time', async () => {
    const page = await pages.again()
    await page.evaluate(
      'const own = AbortSignal.timeout; AbortSignal.timeout = () => own.call(AbortSignal, 300)',
    )
    await page.route('**/v2/locks/custom/slow', () => {}, { times: 1 })
    await pages.take('slow')
    await pages.said(page, 'has not answered in time')
    await pages.row(page, 'slow').waitFor()
  }, 30_000)

  it('takes no connection while nobody sees it: a browser has six for all tabs', async () => {
    const page = await pages.again()
    const show = (isHidden: boolean): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`,
      )
    const ended = page.waitForEvent('requestfailed', request => request.url().endsWith('/v2/events'))
    await show(true)
    await ended
    await pages.take('while hidden')
    const opened = page.waitForRequest('**/v2/events')
    await show(false)
    await opened
    await pages.row(page, 'while hidden').waitFor()
    await pages.live(page)
    await page.locator('#history').getByText('nothing was seen from').waitFor()
  }, 30_000)

  it('goes on when somebody has signed in anew in another tab, and asks for a sign-in when nobody is', async () => {
    await using context = await pages.context()
    const page = await pages.page(undefined, context)
    const create = async (name: string): Promise<void> => {
      await page.getByRole('button', { name: 'New lock' }).click()
      await page.keyboard.type(name)
      await page.keyboard.press('Enter')
    }
    await context.clearCookies()
    await context.request.post(`${pages.url}/sign-in`, { form: SIGN_IN })
    await create('with another token')
    await pages.row(page, 'with another token').waitFor()
    await context.clearCookies()
    await create('without a session')
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  }, 30_000)
})
