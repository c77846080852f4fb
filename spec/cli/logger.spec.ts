import { spawnSync } from 'node:child_process'
import { expect, it } from '@jest/globals'
import { bundle } from '../support/bundle.js'

/** What a logger of this level and these options writes. */
async function written(level: string, options: object, work: string): Promise<string> {
  const file = await bundle('lib/cli/io/logger.ts')
  const code = `
    const { stderrLogger } = await import(${JSON.stringify(file)})
    const log = stderrLogger(${JSON.stringify(level)}, ${JSON.stringify(options)})
    ${work}`
  return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stderr
}

it('writes a line for each entry, with its time where that is wanted', async () => {
  const work = `log.info({ actor: 'ada' }, 'Answered'); log.debug('not seen')`
  expect(await written('info', {}, work)).toBe('spicelock: info: Answered (actor=ada)\n')
  expect(await written('info', { isTimed: true }, work)).toMatch(
    /^spicelock: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info: Answered \(actor=ada\)\n$/,
  )
})

it('lets nobody write a second line', async () => {
  const work = `
    log.warn({ owner: 'a\\nspicelock: info: forged', err: new Error('one\\r\\ntwo') }, 'three\\nfour')`
  expect(await written('warn', {}, work)).toBe(
    'spicelock: warn: three four: one\ufffd two (owner=a spicelock: info: forged)\n',
  )
})
