import { expect, it } from '@jest/globals'
import { GRPCResourceExhastedError } from 'etcd3'
import { classify } from '../../../lib/store/etcd/classify.js'

it.each([
  ['Bandwidth exhausted or memory limit exceeded', 'unreachable'],
  ['grpc: received message larger than max (4 vs. 2)', 'refused'],
  ['etcdserver: mvcc: database space exceeded', 'refused'],
  ['etcdserver: too many requests', 'unreachable'],
])('of the exhaustions "%s" is %s: only what etcd itself says proves that it refuses', (text, reason) => {
  expect(classify(new GRPCResourceExhastedError(`8 RESOURCE_EXHAUSTED: ${text}`))).toMatchObject({ reason })
})
