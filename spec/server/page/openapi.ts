import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { hasChromium } from '../../support/chromium.js'
import { Pages, SCREENSHOTS } from '../../support/pages.js'

;(hasChromium ? describe : describe.skip)('the description of the API, in Chromium', () => {
  let pages: Pages

  beforeAll(async () => {
    pages = await Pages.open()
  }, 60_000)
  afterAll(async () => {
    await pages[Symbol.asyncDispose]()
  })

  it('can be read by people', async () => {
    await using context = await pages.browser.newContext()
    const page = await context.newPage()
    const problems: string[] = []
    page.on('console', message => message.type() === 'error' && problems.push(message.text()))
    page.on('request', request => request.url().startsWith(pages.url) || problems.push(request.url()))
    await page.goto(`${pages.url}/docs`)
    await page.getByText('Take a lock').first().waitFor()
    expect((await page.screenshot({ path: `${SCREENSHOTS}/openapi.png` })).length).toBeGreaterThan(10_000)
    expect(await page.locator('.opblock').count()).toBeGreaterThanOrEqual(18)
    expect(problems).toEqual([])
  }, 30_000)
})
