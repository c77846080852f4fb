import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { CLIENT_CHECKS, RETRY_CHECKS } from '../../lib/relukko/client/client-checks.js'
import { TLS_CHECKS } from '../../lib/relukko/client/tls/tls-options.js'

/** What pyrelukko's client can be given, by where it goes to there. */
const KEYWORDS = [
  // The SSL context of its WebSocket.
  ...['check_hostname', 'hostname_checks_common_name', 'verify_mode', 'verify_flags', 'options'],
  ...['cafile', 'capath', 'cadata'],
  // Its own repetition of calls.
  ...['tries', 'delay', 'backoff', 'max_delay', 'exceptions'],
  // The Retry of urllib3.
  ...['total', 'connect', 'read', 'redirect', 'status', 'other', 'backoff_factor', 'backoff_max'],
  ...['backoff_jitter', 'raise_on_redirect', 'raise_on_status'],
  // The Session of requests.
  ...['headers', 'cookies', 'auth', 'proxies', 'hooks', 'params', 'verify', 'cert', 'adapters', 'stream'],
  ...['trust_env', 'max_redirects'],
  // The client itself.
  ...['acquire_wait_for_timeout', 'acquire_modulo', 'disable_websocket', 'raise_when_acquire_fails'],
  ...['ws_ping_interval', 'ws_ping_timeout', 'ws_wait_for_timeout'],
]
const SETTINGS = [
  ...Object.keys(CLIENT_CHECKS),
  ...Object.keys(TLS_CHECKS).map(name => `tls.${name}`),
  ...Object.keys(RETRY_CHECKS).map(name => `retry.${name}`),
]

const page = await readFile(join(import.meta.dirname, '../../docs/relukko.md'), 'utf8')
const sections = page.split(/^#+ (?=\S.*$)/m)
const sectionOf = (title: string): string => sections.find(section => section.startsWith(`${title}\n`))!
const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
const rows = sectionOf('From pyrelukko')
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => line.split('|').map(cell => cell.trim()))
  .map(([, keywords, here]) => ({ keywords: namesIn(keywords!), here: here! }))

describe('The page on the settings of RelukkoClient', () => {
  it.each(KEYWORDS)('tells once what %s is here, or why there is none', keyword => {
    const found = rows.filter(({ keywords }) => keywords.includes(keyword))
    expect(found).toHaveLength(1)
    const { here } = found[0]!
    const ours = namesIn(here).filter(name => SETTINGS.includes(name) || name.startsWith('headers.'))
    if (here.startsWith('none')) expect(here).toMatch(/^none: \S.{20}/)
    else expect(ours).not.toEqual([])
  })

  it('tells of no keyword that pyrelukko does not have', () => {
    const known = [...KEYWORDS, 'base_url', 'api_key']
    expect(rows.flatMap(({ keywords }) => keywords).filter(name => !known.includes(name))).toEqual([])
  })

  it.each(SETTINGS)('tells of %s', setting => {
    const [whole, part] = setting.split('.')
    if (part === undefined) expect(namesIn(sectionOf('Settings of RelukkoClient'))).toContain(whole)
    else if (whole === 'tls') expect(sectionOf('TLS')).toContain(setting)
    else expect(sectionOf('Repetitions')).toContain(part)
  })
})
