import { describe, expect, it } from '@jest/globals'
import { CommandProcess, runCommand } from '../support/command.js'
import { eventually } from '../support/eventually.js'

/** Where nobody listens, and no etcd of another test can begin to. */
const NOWHERE = 'http://127.0.0.1:1'

describe('an etcd that nobody runs', () => {
  it.concurrent.each([[['ls']], [['show', 'some']], [['watch']], [['release', 'some', 'id']]])(
    'ends %j with 69 in seconds, without a stack trace',
    async args => {
      const answer = await runCommand([...args, '--json', '--endpoints', NOWHERE])
      const message = expect.stringContaining('cannot be reached')
      expect(JSON.parse(answer.stdout)).toMatchObject({ error: { code: 'ETCD_UNAVAILABLE', message } })
      expect(answer.stderr).toMatch(/^spicelock: .*\n$/)
      expect(answer.code).toBe(69)
    },
    20_000,
  )

  it.concurrent(
    'ends run with 69, without running the command',
    async () => {
      const args = ['run', 'some', '--endpoints', NOWHERE, '--', 'echo', 'started']
      const { code, stdout, stderr } = await runCommand(args)
      expect([code, stdout]).toEqual([69, ''])
      expect(stderr).toMatch(/^spicelock: .*cannot be reached.*\n$/)
    },
    20_000,
  )

  it('does not keep watch from ending at a signal', async () => {
    const command = await CommandProcess.start(['watch', '--verbose', '--endpoints', NOWHERE])
    await eventually(() => expect(command.stderr).toContain('Watching locks'))
    const start = performance.now()
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(143)
    expect(performance.now() - start).toBeLessThan(3_000)
  })

  it('does not keep run from ending at a signal', async () => {
    const args = ['run', 'some', '--verbose', '--endpoints', NOWHERE, '--', 'echo', 'started']
    const command = await CommandProcess.start(args)
    await eventually(() => expect(command.stderr).toContain('Acquiring lock'))
    command.child.kill('SIGTERM')
    expect(await command.ended()).toBe(143)
    expect(command.stdout).toBe('')
  })
})
