import { describe, expect, it, jest } from '@jest/globals'
import { demoOptions } from '../../examples/demo/options.js'
import { LIMITS, Resource } from '../../examples/demo/resource.js'
import { bundle } from '../support/bundle.js'
import { runScript, type ScriptRun } from '../support/run-script.js'

jest.setTimeout(120_000)

/** It has a dozen processes, which start sooner from a bundle than by `npm run demo`. */
async function runDemo(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<ScriptRun> {
  return runScript([await bundle('examples/demo/main.ts'), ...args], env)
}

/** The cells of the row of a name in the table. */
function row(stdout: string, name: string): string[] {
  const line = stdout.split('\n').find(text => text.startsWith(`│ ${name} `))
  return line?.split('│').map(cell => cell.trim()) ?? []
}

const acquisitions = (stdout: string, name: string): number => Number(row(stdout, name)[3])
const mostAtOnce = (stdout: string, name: string): number => Number(row(stdout, name)[4])

describe('The demo', () => {
  it.concurrent('lets nobody in beside others, although a holder is killed', async () => {
    const args = ['--seconds', '2', '--workers', '4']
    const { exit, stdout, stderr } = await runDemo(args)
    // It may tell that it fetches etcd.
    expect([exit, stderr]).toEqual([0, expect.not.stringMatching('FAILED|failed|BROKEN')])
    expect(stdout).toMatch(/worker 4 was killed while holding demo-exclusive/)
    expect(stdout).toMatch(/worker [1-3] got demo-exclusive \d+\.\d s after the kill/)
    expect(stdout).toMatch(/^violations 0$/m)
    for (const { name } of LIMITS) expect(acquisitions(stdout, name)).toBeGreaterThan(0)
    expect(mostAtOnce(stdout, 'demo-exclusive')).toBe(1)
  })

  it.concurrent('finds violations and fails when the workers take no locks', async () => {
    const args = ['--seconds', '1', '--workers', '2', '--without-locks']
    const { exit, stdout, stderr } = await runDemo(args)
    expect(exit).toBe(1)
    expect(stderr).toMatch(/^LOCKING IS BROKEN: [1-9]\d* times/m)
    expect(stdout).toMatch(/^violations [1-9]/m)
    expect(mostAtOnce(stdout, 'demo-exclusive')).toBeGreaterThan(1)
  })

  it.concurrent('fails when its workers fail', async () => {
    const { exit, stderr } = await runDemo(['--workers', '2'], { SPICELOCK_ENDPOINTS: 'http://127.0.0.1:1' })
    expect(exit).toBe(1)
    expect(stderr).toMatch(/^FAILED: worker 1 ended with 1$/m)
  })

  it('names an option that it cannot use', () => {
    expect(() => demoOptions(['--seconds', 'soon'])).toThrow(
      "--seconds must be a whole number from 1 to 3600, got 'soon'",
    )
    expect(() => demoOptions(['--workers', '1'])).toThrow(
      "--workers must be a whole number from 2 to 64, got '1'",
    )
  })
})

describe('A resource', () => {
  it('screams when it is entered by too many', () => {
    const resource = new Resource('pool', 2)
    for (const who of ['ann', 'bob', 'cyd']) resource.enter(who, 0)
    expect(resource.violations).toEqual(['pool lets 2 in, and cyd entered beside ann, bob'])
    expect(resource.mostAtOnce).toBe(3)
  })

  it('screams when the same one enters twice', () => {
    const resource = new Resource('pool', 1)
    resource.enter('ann', 0)
    resource.enter('ann', 0)
    expect(resource.violations).toHaveLength(1)
  })

  it('is quiet when others come after those who left', () => {
    const resource = new Resource('pool', 1)
    for (const who of ['ann', 'bob', 'ann']) {
      resource.enter(who, 0)
      resource.leave(who)
    }
    expect(resource.violations).toEqual([])
    expect(resource.entries).toBe(3)
  })

  it('lets any number in when its limit is 0', () => {
    const resource = new Resource('open', 0)
    for (const who of ['ann', 'bob', 'cyd']) resource.enter(who, 0)
    expect(resource.violations).toEqual([])
    expect(resource.mostAtOnce).toBe(3)
  })
})
