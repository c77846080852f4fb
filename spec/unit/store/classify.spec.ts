import { expect, it } from '@jest/globals'
import { EtcdAuthenticationFailedError } from 'etcd3'
import { classify } from '../../../lib/store/etcd/classify.js'
import { StatusCode, statusError } from '../../../lib/store/etcd/http2/status.js'

const classified = (code: StatusCode, details: string) => {
  const { reason, message } = classify(statusError({ code, details }))
  return [reason, message]
}

it.each([
  ['Bandwidth exhausted or memory limit exceeded', 'unreachable'],
  ['grpc: received message larger than max (4 vs. 2)', 'refused'],
  ['etcdserver: mvcc: database space exceeded', 'refused'],
  ['etcdserver: too many requests', 'unreachable'],
])('of the exhaustions "%s" is %s: only what etcd itself says proves that it refuses', (text, reason) => {
  expect(classified(StatusCode.RESOURCE_EXHAUSTED, text)[0]).toBe(reason)
})

it.each([
  [StatusCode.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request', 'refused'],
  [StatusCode.NOT_FOUND, 'etcdserver: requested lease not found', 'lease-not-found'],
  [StatusCode.PERMISSION_DENIED, 'etcdserver: permission denied', 'refused'],
  [StatusCode.FAILED_PRECONDITION, 'etcdserver: authentication is not enabled', 'refused'],
  [StatusCode.UNIMPLEMENTED, 'unknown method', 'refused'],
  [StatusCode.UNAUTHENTICATED, 'etcdserver: invalid auth token', 'refused'],
  [StatusCode.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted', 'refused'],
  [StatusCode.UNAVAILABLE, 'etcdserver: request timed out', 'unreachable'],
  [StatusCode.UNKNOWN, 'context canceled', 'unreachable'],
  [StatusCode.INTERNAL, 'stream terminated', 'unreachable'],
])('of code %d, "%s" is %s', (code, details, reason) => {
  expect(classified(code, details)).toEqual([reason, details])
})

it('knows what etcd3 says, and nothing of what says no code', () => {
  const wrong = 'etcdserver: authentication failed, invalid user ID or password'
  const error = new EtcdAuthenticationFailedError(`3 INVALID_ARGUMENT: ${wrong}`)
  expect(classify(error)).toMatchObject({ reason: 'refused', message: wrong, cause: error })
  expect(classify(new Error('socket hang up'))).toMatchObject({ reason: 'unreachable' })
})
