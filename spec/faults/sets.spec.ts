import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, it } from '@jest/globals'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { spawnTs } from '../support/run-ts.js'
import type { SetTakerOptions, SetTakerReport } from '../support/set-taker.js'

const PROCESSES = 3
const TAKERS_OF_EACH = 5
const SETS_OF_EACH = 9
const NAMES = 16

const etcd = useEtcdServer()
const takers: ChildProcess[] = []
afterEach(() => takers.forEach(taker => taker.kill('SIGKILL')))

it('more than a hundred random sets that overlap, of takers in several processes, end without deadlock', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spicelock-sets-'))
  const name = freshName()
  const names = Array.from({ length: NAMES }, (_, number) => `${name}-${number}`)
  const { endpoints } = etcd.get()
  const options: SetTakerOptions = {
    endpoints,
    directory,
    names,
    takers: TAKERS_OF_EACH,
    sets: SETS_OF_EACH,
  }
  const reports: Promise<SetTakerReport>[] = []
  for (let number = 0; number < PROCESSES; number++) {
    const taker = await spawnTs('spec/support/set-taker.ts', [JSON.stringify(options)])
    takers.push(taker)
    const lines = createInterface(taker.stdout!)
    await once(lines, 'line')
    reports.push(once(lines, 'line').then(([line]) => JSON.parse(line as string) as SetTakerReport))
  }
  for (const taker of takers) taker.stdin!.write('go\n')
  const done = await Promise.all(reports)
  expect(done).toEqual(takers.map(() => ({ taken: TAKERS_OF_EACH * SETS_OF_EACH, violations: 0 })))
  const lock = lockAt(endpoints[0]!)
  for (const each of names) expect(await lock.inspect(each)).toMatchObject({ holders: [], waiters: [] })
  await lock.close()
  await rm(directory, { recursive: true })
}, 180_000)
