import { existsSync } from 'node:fs'
import { afterAll } from '@jest/globals'
import { type Browser, chromium } from 'playwright-core'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Where it is missing, tests in it are skipped; but not in CI, where they fail. */
export const hasChromium = existsSync(CHROMIUM) || process.env['CI'] === 'true'
if (!hasChromium) process.stderr.write(`The tests in a browser are skipped: there is no ${CHROMIUM}.\n`)

let opening: Promise<Browser> | undefined
afterAll(async () => (await opening)?.close())

/** The browser of all tests of a file. */
export function openChromium(): Promise<Browser> {
  return (opening ??= chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] }))
}
