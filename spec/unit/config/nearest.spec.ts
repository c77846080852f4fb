import { describe, expect, it } from '@jest/globals'
import { nearest } from '../../../lib/config/nearest.js'

const candidates = ['host', 'port', 'username', 'password', 'read_timeout']

describe('nearest', () => {
  it.each([
    ['hots', 'host'],
    ['PORT', 'port'],
    ['user', 'username'],
    ['passwrd', 'password'],
    ['readTimeout', 'read_timeout'],
  ])('finds what %s was meant to be: %s', (word, meant) => {
    expect(nearest(word, candidates)).toBe(meant)
  })

  it.each(['', 'foo', 'key', 'something_else'])('finds nothing near %j', word => {
    expect(nearest(word, candidates)).toBeUndefined()
  })

  it('prefers the nearer of two near ones', () => {
    expect(nearest('porto', ['ports', 'port', 'porto1'])).toBe('ports')
    expect(nearest('porto', ['prt', 'porto1'])).toBe('porto1')
  })
})
