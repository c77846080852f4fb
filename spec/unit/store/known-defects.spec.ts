import { expect, it } from '@jest/globals'
import { knownDefect } from '../../../lib/store/etcd/known-defects.js'

it.each([
  ['3.3.27', 3],
  ['3.4.30', 3],
  ['3.5.0', 2],
  ['3.5.12', 5],
])('etcd %s with %d members is known to lose leases', (version, members) => {
  expect(knownDefect(version, members)).toMatch(
    `etcd ${version} with ${members} members can end the leases of living holders`,
  )
})

it.each([
  ['3.4.23', 1],
  ['3.4.31', 3],
  ['3.5.13', 3],
  ['3.5.21', 3],
  ['3.6.0', 3],
  ['3.6.0-rc.1', 3],
  ['4.0.0', 3],
  ['unknown', 3],
])('nothing is known against etcd %s with %d members', (version, members) => {
  expect(knownDefect(version, members)).toBeUndefined()
})
