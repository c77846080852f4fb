import { describe, expect, it } from '@jest/globals'
import { describeValue } from '../../../lib/model/describe-value.js'

describe('describeValue', () => {
  it.each<[unknown, string]>([
    ['me@host [7]', '"me@host [7]"'],
    ['http://root:hunter2@etcd1:2379', '"…@etcd1:2379"'],
    ['root:hunter2@etcd1', '"…@etcd1"'],
    ['http://root:hunt@er2\n@etcd1', '"…@etcd1"'],
    [['hunter2'], 'an array'],
    [{ password: 'hunter2' }, 'an object'],
    [Object.create(null), 'an object'],
    ['x'.repeat(300), `"${'x'.repeat(199)}…`],
    [undefined, 'undefined'],
    [null, 'null'],
    [7n, '7'],
    [Symbol('a'), 'Symbol(a)'],
  ])('of %p is %s', (value, text) => expect(describeValue(value)).toBe(text))
})
