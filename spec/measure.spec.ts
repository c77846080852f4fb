import { expect, it } from '@jest/globals'
import { quantile } from '../bench/quantile.js'
import { measureOptions } from '../bench/serve/options.js'
import { runScript } from './support/run-script.js'

it('measures speed, delay and memory of a server', async () => {
  const args = ['--seconds', '0.2', '--rounds', '1', '--locks', '20', '--sockets', '3']
  const { exit, stdout, stderr } = await runScript(['bench/run.js', 'bench/serve/main.ts', ...args])
  // It may tell that it fetches etcd.
  expect([exit, stderr]).toEqual([0, expect.not.stringContaining('measure:')])
  const number = String.raw`\d+(\.\d)?`
  const ms = `${number} ms`
  const spread = `p50 ${ms}, p99 ${ms}`
  expect(stdout.trim().split('\n')).toEqual(
    [
      String.raw`memory at the start: \d+ MB`,
      String.raw`POST and DELETE, connections: 1: [1-9]\d* cycles/s \(\d+\), a request ${spread}`,
      String.raw`POST and DELETE, connections: 64: [1-9]\d* cycles/s \(\d+\), a request ${spread}`,
      `from the sending of DELETE to the frame of a WebSocket: ${spread}`,
      String.raw`memory with 20 locks, taken in \d+\.\d s: \d+ MB`,
      `GET /v1/locks of them: ${ms}, another request meanwhile at most ${ms}, ${number} in all`,
      String.raw`memory with 3 WebSockets besides: \d+ MB`,
      `from DELETE to the last of 3 frames: ${ms}`,
    ].map(line => expect.stringMatching(new RegExp(`^${line}$`))),
  )
}, 120_000)

it('names an option that it cannot use', () => {
  expect(() => measureOptions(['--sockets', '-1'])).toThrow()
  expect(() => measureOptions(['--seconds', '0'])).toThrow(
    "--seconds must be a number from 0.1 to 3600, got '0'",
  )
  expect(() => measureOptions(['--locks', 'many'])).toThrow(
    "--locks must be a whole number from 1 to 100000, got 'many'",
  )
})

it('finds the quantiles of numbers in any order', () => {
  const numbers = [9, 1, 8, 2, 7, 3, 6, 4, 5, 10]
  expect([0, 0.5, 0.9, 0.99, 1].map(share => quantile(numbers, share))).toEqual([1, 5, 9, 10, 10])
})
