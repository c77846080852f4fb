import { describe, expect, it } from '@jest/globals'
import { describeSetting, describeValue, printable } from '../../../lib/model/describe-value.js'

describe('describeValue', () => {
  it.each<[unknown, string]>([
    ['me@host [7]', '"me@host [7]"'],
    ['job:me@host', '"job:me@host"'],
    ['http://root:hunter2@etcd1:2379', '"…@etcd1:2379"'],
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

it('a text that others have made long costs no time', () => {
  const start = performance.now()
  for (const text of [':'.repeat(60_000), `://${':'.repeat(60_000)}`, '@'.repeat(60_000)]) {
    expect([describeValue(text), describeSetting(text)].join().length).toBeLessThan(500)
  }
  expect(performance.now() - start).toBeLessThan(200)
})

describe('describeSetting', () => {
  it.each<[unknown, string]>([
    ['http://etcd1:2379', '"http://etcd1:2379"'],
    ['root:hunter2@etcd1', '"…@etcd1"'],
    ['hunter2@etcd1:2379', '"…@etcd1:2379"'],
    [['hunter2'], 'an array'],
    [7, '7'],
  ])('of %p is %s', (value, text) => expect(describeSetting(value)).toBe(text))
})

describe('printable', () => {
  it('leaves text of any language as it is', () => expect(printable('Zoë 海 🔒')).toBe('Zoë 海 🔒'))
})
