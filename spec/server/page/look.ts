import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Page } from 'playwright-core'
import { Lock } from '../../../lib/index.js'
import { hasChromium } from '../../support/chromium.js'
import { Pages, SCREENSHOTS } from '../../support/pages.js'

const LONG =
  'a lock with quite a long name that goes on and on/and-on-without-any-place-where-it-could-be-broken-in-two'

;(hasChromium ? describe : describe.skip)('what the page looks like', () => {
  let pages: Pages
  let native: Lock

  beforeAll(async () => {
    pages = await Pages.open()
    native = new Lock({ store: pages.store, prefix: 'custom', owner: 'patient@host [4711]', dryRun: false })
    const { id } = await pages.take(LONG, 'robot-framework@a-test-rig-in-the-cellar.example')
    await pages.call('PUT', `/v1/locks/${id}`, { expires_at: new Date(Date.now() - 50_000).toISOString() })
    await pages.take('rack 7', 'grace')
    const cookbooks = new Lock({
      store: pages.store,
      prefix: 'cookbooks',
      owner: 'admin@host [1]',
      dryRun: false,
    })
    await cookbooks.acquire('deploy', { concurrency: 2, ttl: 3_600 })
    await cookbooks.acquire('deploy', { concurrency: 2, ttl: 86_400 })
    native.acquire('rack 7', { concurrency: 1, ttl: 60 }).catch(() => {})
  }, 60_000)
  afterAll(async () => {
    await native.close()
    await pages[Symbol.asyncDispose]()
  })

  const shot = (page: Page, name: string): Promise<unknown> =>
    page.screenshot({ path: `${SCREENSHOTS}/${name}.png` })
  /** By how much the page is wider than the screen; a phone would make the screen wider for it. */
  const tooWide = (page: Page, width: number): Promise<number> =>
    page.evaluate<number>(`document.documentElement.scrollWidth - ${width}`)

  it.each([
    [390, 'phone'],
    [320, 'small-phone'],
  ] as const)(
    'fits a phone of %d px, with its dialogs',
    async (width, name) => {
      await using context = await pages.context({
        viewport: { width, height: 844 },
        isMobile: true,
        hasTouch: true,
      })
      const page = await pages.page(undefined, context)
      await pages.row(page, 'a long name').waitFor()
      await pages.row(page, 'rack 7').getByText('1 waiting').click()
      expect(await tooWide(page, width)).toBe(0)
      await shot(page, name)
      const dialogs = [
        page.getByRole('button', { name: 'New lock' }),
        page.getByRole('button', { name: /^Change custom\/a lock/ }),
        page.getByRole('button', { name: /^Release custom\/a lock/ }),
      ]
      for (const [at, open] of dialogs.entries()) {
        await open.click()
        const box = (await page.getByRole('dialog').boundingBox())!
        expect(box.x).toBeGreaterThanOrEqual(0)
        expect(box.x + box.width).toBeLessThanOrEqual(width)
        expect(await tooWide(page, width)).toBe(0)
        for (const field of await page.getByRole('dialog').locator('input, select, button').all()) {
          const inner = await field.boundingBox()
          if (inner) expect(inner.x + inner.width).toBeLessThanOrEqual(box.x + box.width)
        }
        await shot(page, `${name}-dialog-${at}`)
        await page.keyboard.press('Escape')
      }
      // Instead of the heads of columns, which are neither seen there nor reached by Tab.
      await page.getByLabel('Sort by').selectOption('owner')
      const first = page.locator('#rows tr').first()
      await first.getByText('admin@host').waitFor()
      await page.getByRole('button', { name: 'Turn the order' }).click()
      await first.getByText('robot-framework').waitFor()
      await page.getByLabel('Search').focus()
      for (let count = 0; count < 6; count++) {
        await page.keyboard.press('Tab')
        expect(await page.evaluate("document.activeElement.closest('thead') === null")).toBe(true)
      }
    },
    60_000,
  )

  it('fits every width', async () => {
    const page = await pages.again()
    await pages.row(page, 'a long name').waitFor()
    for (const width of [420, 600, 740, 800, 980, 1024, 1119, 1121, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      expect([width, await tooWide(page, width)]).toEqual([width, 0])
      const last = (await page.locator('#rows .actions button').last().boundingBox())!
      expect(last.x + last.width).toBeLessThanOrEqual(width)
      if (width === 800 || width === 1024) await shot(page, `width-${width}`)
    }
  }, 30_000)

  it.each(['light', 'dark'] as const)(
    'can be told from what is around it: %s',
    async colorScheme => {
      const page = await pages.again()
      await page.emulateMedia({ colorScheme })
      await pages.row(page, 'rack 7').getByText('1 waiting').click()
      await pages.row(page, 'rack 7').getByText('patient').waitFor()
      await shot(page, colorScheme)
      const contrasts = await page.evaluate<{ edges: number[]; placeholder: number; soft: number }>(`(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
      const pen = canvas.getContext('2d', { willReadFrequently: true })
      const light = color => {
        pen.clearRect(0, 0, 1, 1)
        pen.fillStyle = color
        pen.fillRect(0, 0, 1, 1)
        const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(value => {
          const part = value / 255
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
        })
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)
      const ground = getComputedStyle(document.body).backgroundColor
      const card = getComputedStyle(document.querySelector('table')).backgroundColor
      const search = document.getElementById('search')
      const fields = [search, document.getElementById('sign-out'), document.querySelector('.actions button')]
      return {
        edges: fields.flatMap(each => [ground, card].map(around => contrast(getComputedStyle(each).borderColor, around))),
        placeholder: contrast(getComputedStyle(search, '::placeholder').color, card),
        soft: contrast(getComputedStyle(document.getElementById('status')).color, ground),
      }
    })()`)
      for (const edge of contrasts.edges) expect(edge).toBeGreaterThanOrEqual(3)
      expect(contrasts.placeholder).toBeGreaterThanOrEqual(4.5)
      expect(contrasts.soft).toBeGreaterThanOrEqual(4.5)
    },
    30_000,
  )
})
