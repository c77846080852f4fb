import { expect, it } from '@jest/globals'
import { framed, Unframer } from '../../../lib/store/etcd/http2/frames.js'

const messages = ['', 'a', 'bc'.repeat(200), 'ü'].map(text => Buffer.from(text))
const bytes = Buffer.concat(messages.map(framed))

it('a message stands behind a byte for its compression and four for its length', () => {
  expect(framed(Buffer.from('abc'))).toEqual(Buffer.from([0, 0, 0, 0, 3, 97, 98, 99]))
})

it.each([1, 2, 3, 5, 7, 100, bytes.length])('messages come whole out of pieces of %d bytes', size => {
  const unframer = new Unframer()
  const whole: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) whole.push(...unframer.push(bytes.subarray(at, at + size)))
  expect(whole).toStrictEqual(messages)
})

it('no message comes before its last byte', () => {
  const unframer = new Unframer()
  const frame = framed(Buffer.from('abc'))
  expect(unframer.push(frame.subarray(0, -1))).toStrictEqual([])
  expect(unframer.push(frame.subarray(-1))).toStrictEqual([Buffer.from('abc')])
})

it('a compressed message is refused', () => {
  expect(() => new Unframer().push(Buffer.from([1, 0, 0, 0, 0]))).toThrow('compressed')
})
