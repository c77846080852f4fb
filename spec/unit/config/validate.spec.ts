import { describe, expect, it } from '@jest/globals'
import { IGNORED_OPTIONS } from '../../../lib/config/schema.js'
import { validateConfig, validateFields } from '../../../lib/config/validate.js'
import { LockConfigError } from '../../../lib/model/errors.js'

const SOURCE = '/etc/locks.yml'
const check = (raw: unknown) => (): unknown => validateConfig(raw, SOURCE)

describe('validateConfig', () => {
  it.each([
    [{}],
    [{ host: 'etcd1', port: 2379, protocol: 'http' }],
    [{ host: '::1' }],
    [
      {
        host: [
          ['etcd1', 2379],
          ['etcd2', 4001],
        ],
      },
    ],
    [{ host: [['etcd1', 2379]], port: 1 }],
    [{ srv_domain: 'example', protocol: 'https' }],
    [{ endpoints: ['https://etcd1:2379'], ca_cert: 'ca.pem', cert: 'client.pem' }],
    [{ ca_cert: 'ca.pem', cert: ['client.crt', 'client.key'] }],
    [{ protocol: 'https', cert: 'client.pem' }],
    [{ username: 'root', password: 'hunter2' }],
    [{ read_timeout: 0.5, allow_reconnect: false }],
  ])('takes %j as it is', raw => {
    expect(validateConfig(raw, SOURCE)).toEqual({ config: raw, warnings: [] })
  })

  it('brings endpoints into one form', () => {
    const { config } = validateConfig({ endpoints: ['HTTPS://etcd1/'] }, SOURCE)
    expect(config.endpoints).toEqual(['https://etcd1:2379'])
  })

  it.each([
    [{ host: '' }, `'host' must be a host name or address`, '""'],
    [{ host: 17 }, `'host' must be a host name or address`, '17'],
    [{ host: 'http://etcd1' }, `'host' must be a host name or address`, '"http://etcd1"'],
    [{ host: 'etcd1:2379' }, `'host' must be a host name or address`, '"etcd1:2379"'],
    [{ host: [] }, `'host' must be a host name or address`, '[]'],
    [{ host: ['etcd1', 'etcd2'] }, `or a list of [host, port]`, `[ 'etcd1', 'etcd2' ]`],
    [{ host: [['etcd1']] }, `or a list of [host, port]`, `[ [ 'etcd1' ] ]`],
    [{ host: [['etcd1', '2379']] }, `or a list of [host, port]`, `[ [ 'etcd1', '2379' ] ]`],
    [{ host: [['etcd1', 2379, 1]] }, `or a list of [host, port]`, `[ [ 'etcd1', 2379, 1 ] ]`],
    [{ host: [['a b', 2379]] }, `or a list of [host, port]`, `[ [ 'a b', 2379 ] ]`],
    [{ port: 0 }, `'port' must be a port number from 1 to 65535`, '0'],
    [{ port: 65_536 }, `'port' must be a port number from 1 to 65535`, '65536'],
    [{ port: '2379' }, `'port' must be a port number from 1 to 65535`, '"2379"'],
    [{ port: 2379.5 }, `'port' must be a port number from 1 to 65535`, '2379.5'],
    [{ protocol: 'grpc' }, `'protocol' must be http or https`, '"grpc"'],
    [{ srv_domain: '' }, `'srv_domain' must be a domain name`, '""'],
    [{ ca_cert: true }, `'ca_cert' must be the path of a PEM file`, 'true'],
    [{ cert: ['client.crt'] }, `'cert' must be the path of a PEM file or`, `[ 'client.crt' ]`],
    [{ cert: ['a', 'b', 'c'] }, `'cert' must be the path of a PEM file or`, `[ 'a', 'b', 'c' ]`],
    [{ username: null }, `'username' must be a non-empty string`, 'null'],
    [{ read_timeout: 0 }, `'read_timeout' must be a number of seconds above 0`, '0'],
    [{ read_timeout: -1 }, `'read_timeout' must be a number of seconds above 0`, '-1'],
    [{ read_timeout: 3_601 }, `at most 3600`, '3601'],
    [{ read_timeout: Number.NaN }, `'read_timeout' must be a number of seconds above 0`, 'NaN'],
    [{ read_timeout: '5' }, `'read_timeout' must be a number of seconds above 0`, '"5"'],
    [{ allow_reconnect: 'yes' }, `'allow_reconnect' must be true or false`, '"yes"'],
    [{ endpoints: 'http://etcd1' }, `'endpoints' must be a list of URLs`, '"http://etcd1"'],
    [{ endpoints: [] }, `'endpoints' must be a list of URLs`, '[]'],
    [{ endpoints: [2379] }, `'endpoints' must be a list of URLs`, '[ 2379 ]'],
  ])('refuses %j, naming source, field, value and what was expected', (raw, expected, got) => {
    expect(check(raw)).toThrow(LockConfigError)
    expect(check(raw)).toThrow(expected)
    expect(check(raw)).toThrow(/^\/etc\/locks\.yml: the option '/)
    expect(check(raw)).toThrow(`, got ${got}.`)
  })

  it.each([
    [null, 'null'],
    [undefined, 'undefined'],
    ['password hunter2', 'a string'],
    [['host'], 'a list'],
    [7, 'a number'],
  ])('refuses %j, which is no mapping, without repeating it', (raw, kind) => {
    expect(check(raw)).toThrow(`${SOURCE}: expected a mapping of options, got ${kind}.`)
  })

  it.each([
    ['hots', `unknown option 'hots', did you mean 'host'?`],
    ['user', `unknown option 'user', did you mean 'username'?`],
    ['ca-cert', `unknown option 'ca-cert', did you mean 'ca_cert'?`],
    [
      'constructor',
      `unknown option 'constructor', expected one of: endpoints, host, port, protocol, srv_domain, `,
    ],
  ])('refuses the unknown option %s and suggests what is known', (field, message) => {
    expect(check({ [field]: 'x' })).toThrow(`${SOURCE}: ${message}`)
  })

  it.each(IGNORED_OPTIONS)("ignores python-etcd's %s, with a warning", field => {
    const { config, warnings } = validateConfig({ [field]: 'anything', port: 1 }, SOURCE)
    expect(config).toEqual({ port: 1 })
    expect(warnings).toEqual([`${SOURCE}: the option '${field}' has no meaning here and is ignored.`])
  })

  it.each([
    [{ endpoints: ['http://a'], host: 'b' }, `'endpoints' and 'host' exclude each other.`],
    [{ endpoints: ['http://a'], port: 1 }, `'endpoints' and 'port' exclude each other.`],
    [{ endpoints: ['http://a'], protocol: 'http' }, `'endpoints' and 'protocol' exclude each other.`],
    [{ endpoints: ['http://a'], srv_domain: 'b' }, `'endpoints' and 'srv_domain' exclude each other.`],
    [{ host: 'a', srv_domain: 'b' }, `'srv_domain' and 'host' exclude each other.`],
    [
      { endpoints: ['https://a', 'HTTP://b'] },
      `the 'endpoints' must be all http or all https, got https://a:2379, http://b:2379.`,
    ],
    [{ username: 'root' }, `'username' needs a 'password'.`],
    [{ password: 'hunter2' }, `'password' needs a 'username'.`],
    [
      { protocol: 'http', ca_cert: 'ca.pem' },
      `'ca_cert' is for https, but the connection would be plain http.`,
    ],
    [
      { protocol: 'http', cert: 'client.pem' },
      `'cert' is for https, but the connection would be plain http.`,
    ],
    [{ endpoints: ['HTTP://a'], cert: 'c' }, `'cert' is for https, but the connection would be plain http.`],
  ])('refuses %j, whose fields do not agree', (raw, problem) => {
    expect(check(raw)).toThrow(LockConfigError)
    expect(check(raw)).toThrow(`${SOURCE}: ${problem}`)
  })

  it.each([
    [{ username: 'root', password: ['hunter2'] }, `'password' must be a non-empty string`],
    [{ username: 'root', password: { hunter2: 1 } }, `'password' must be a non-empty string`],
    [{ username: ['hunter2@'], password: 'hunter2' }, `'username' must be a non-empty string`],
    [{ password: 'hunter2' }, `'password' needs a 'username'`],
    [{ password: 'hunter2', port: 0 }, `'port' must be`],
    [{ 'password:hunter2': null }, `unknown option 'password…', did you mean 'password'?`],
    [{ endpoints: ['http://root:hunter2@etcd1'] }, `'endpoints': "…@etcd1" must be a URL`],
    [{ endpoints: 'http://root:hunter2@etcd1' }, `'endpoints' must be a list of URLs`],
    [{ endpoints: ['http://root:hunter2@etcd1', 1] }, `'endpoints' must be a list of URLs`],
    [{ endpoints: { 'http://root:hunter2@etcd1': null } }, `'endpoints' must be a list of URLs`],
    [{ host: 'root:hunter2@etcd1' }, `'host' must be a host name or address`],
    [{ host: [['root:hunter2@etcd1', 2379]] }, `'host' must be a host name or address`],
  ])('keeps the secret in %j out of the error', (raw, problem) => {
    expect(check(raw)).toThrow(problem)
    expect(check(raw)).not.toThrow(/hunter2/)
  })

  it('keeps a numeric password out of the error, and says how to write it', () => {
    const raw = { username: 'root', password: 271828 }
    expect(check(raw)).toThrow('in quotes when it looks like a number')
    expect(check(raw)).not.toThrow(/271828/)
  })
})

describe('validateFields', () => {
  it('accepts fields that need another source to be complete', () => {
    expect(validateFields({ password: 'hunter2' }, SOURCE).config).toEqual({ password: 'hunter2' })
  })

  it('still refuses a wrong field', () => {
    expect(() => validateFields({ port: 'x' }, SOURCE)).toThrow(`'port' must be`)
  })
})
