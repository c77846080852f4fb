import { describe, expect, it } from '@jest/globals'
import { isHost, parseEndpoint, parseEndpoints } from '../../../lib/config/endpoints.js'
import { LockConfigError } from '../../../lib/model/errors.js'

describe('parseEndpoint', () => {
  it.each([
    ['http://etcd1', 'http://etcd1:2379'],
    ['https://etcd1.example', 'https://etcd1.example:2379'],
    ['https://etcd1.example:2379/', 'https://etcd1.example:2379'],
    ['HTTPS://ETCD1.example:23790', 'https://etcd1.example:23790'],
    ['http://10.0.0.1:80', 'http://10.0.0.1:80'],
    ['https://etcd1:443', 'https://etcd1:443'],
    ['http://[::1]', 'http://[::1]:2379'],
    ['https://[2001:db8::1]:4001', 'https://[2001:db8::1]:4001'],
    ['http://etcd_1:2379', 'http://etcd_1:2379'],
  ])('reads %s as %s', (text, endpoint) => {
    expect(parseEndpoint(text, 'test')).toBe(endpoint)
  })

  it.each([
    '',
    'etcd1',
    'etcd1:2379',
    '//etcd1:2379',
    'http:etcd1',
    'http://',
    'http:///etcd1',
    'http://:2379',
    'ftp://etcd1:2379',
    'unix:///run/etcd',
    'http://etcd1:0',
    'http://etcd1:65536',
    'http://etcd1:port',
    'http://etcd1:',
    'http://etcd1/v2',
    'http://etcd1\\v2',
    'http://etcd1?a=b',
    'http://etcd1/#a',
    'http://etcd 1',
    'http://[::1',
    'http://[etcd1]',
    'http://::1',
  ])('refuses %j and says what was expected', text => {
    const attempt = (): unknown => parseEndpoint(text, 'SOME_VARIABLE')
    expect(attempt).toThrow(LockConfigError)
    expect(attempt).toThrow(
      `SOME_VARIABLE: ${JSON.stringify(text)} must be a URL like https://etcd1.example:2379`,
    )
  })

  it.each([
    'http://root:hunter2@etcd1:2379',
    'http://:hunter2@etcd1',
    'http://root:hun/hunter2@etcd1',
    'root:hunter2@etcd1:2379',
    'http://root:hunter2\n@etcd1',
  ])('refuses the credentials in %j without repeating them', text => {
    const attempt = (): unknown => parseEndpoint(text, 'test')
    expect(attempt).toThrow(/^test: "…@etcd1.*" must be a URL .* without path or credentials\.$/)
    expect(attempt).not.toThrow(/hunter2/)
  })
})

describe('parseEndpoints', () => {
  it('reads a list with commas and spaces', () => {
    expect(parseEndpoints(' https://a , https://b:1')).toEqual(['https://a:2379', 'https://b:1'])
  })

  it('refuses an empty item', () => {
    expect(() => parseEndpoints('http://a,', 'SOME_VARIABLE')).toThrow('SOME_VARIABLE: "" must be a URL')
    expect(() => parseEndpoints('')).toThrow('endpoints: "" must be a URL')
  })
})

describe('isHost', () => {
  it.each(['etcd1', 'etcd1.example', '10.0.0.1', '::1', '[::1]'])('takes %s', host => {
    expect(isHost(host)).toBe(true)
  })

  it.each(['etcd1:2379', 'http://etcd1', 'etcd1/', 'user@etcd1', 'a b', ' ', '::1::', '10.0.0.256'])(
    'refuses %j',
    host => {
      expect(isHost(host)).toBe(false)
    },
  )
})
