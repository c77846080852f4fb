import { describe, expect, it } from '@jest/globals'
import { resolveEndpoints } from '../../../lib/config/etcd-options.js'
import type { LockConfig } from '../../../lib/config/schema.js'
import type { SrvResolver } from '../../../lib/config/srv.js'
import { EtcdLockUnavailableError, LockConfigError } from '../../../lib/model/errors.js'
import { useCertificates } from '../../support/certificates.js'

const files = useCertificates()

describe('resolveEndpoints', () => {
  it('has defaults for everything', async () => {
    expect(await resolveEndpoints({})).toEqual({
      endpoints: ['http://127.0.0.1:2379'],
      callTimeoutMs: 5_000,
      failover: true,
    })
  })

  it.each<[LockConfig, string[]]>([
    [{ host: 'etcd1' }, ['http://etcd1:2379']],
    [{ host: 'etcd1', port: 4001, protocol: 'https' }, ['https://etcd1:4001']],
    [{ port: 4001 }, ['http://127.0.0.1:4001']],
    [{ host: '::1' }, ['http://[::1]:2379']],
    [{ host: '[::1]' }, ['http://[::1]:2379']],
    [
      {
        host: [
          ['etcd2', 1],
          ['fe80::1', 2],
        ],
        port: 3,
      },
      ['http://etcd2:1', 'http://[fe80::1]:2'],
    ],
    [{ endpoints: ['https://b:2379', 'https://a:443'] }, ['https://b:2379', 'https://a:443']],
  ])('finds the endpoints of %j', async (config, endpoints) => {
    expect((await resolveEndpoints(config)).endpoints).toEqual(endpoints)
  })

  it('passes on the user, the timeout and whether to fail over', async () => {
    const config = { username: 'root', password: 'hunter2', read_timeout: 1.5, allow_reconnect: false }
    expect(await resolveEndpoints(config)).toMatchObject({
      auth: { username: 'root', password: 'hunter2' },
      callTimeoutMs: 1_500,
      failover: false,
    })
  })
})

describe('resolveEndpoints with an srv_domain', () => {
  const SSL = '_etcd-client-ssl._tcp.example'
  const PLAIN = '_etcd-client._tcp.example'
  const OLD = '_etcd._tcp.example'

  const record = (name: string, priority = 0, weight = 0, port = 2379) => ({ name, port, priority, weight })

  const dns = (answers: Record<string, ReturnType<typeof record>[] | string>): SrvResolver => {
    return name => {
      const answer = answers[name] ?? 'ENOTFOUND'
      if (typeof answer !== 'string') return Promise.resolve(answer)
      return Promise.reject(Object.assign(new Error(`querySrv ${answer} ${name}`), { code: answer }))
    }
  }
  const withoutSsl = { [PLAIN]: [record('plain')], [OLD]: [record('old')] }
  const all = { [SSL]: [record('ssl')], ...withoutSsl }

  it.each<[string, LockConfig, Parameters<typeof dns>[0], string]>([
    ['the service with TLS first', {}, all, 'https://ssl:2379'],
    ['then the plain one', {}, withoutSsl, 'http://plain:2379'],
    ["python-etcd's last", {}, { [OLD]: [record('old')] }, 'http://old:2379'],
    ['the plain one when http is asked for', { protocol: 'http' }, all, 'http://plain:2379'],
    ['nothing plain when https is asked for', { protocol: 'https' }, withoutSsl, 'https://old:2379'],
    ['past services without data', {}, { ...all, [SSL]: 'ENODATA', [PLAIN]: [] }, 'http://old:2379'],
  ])('looks for %s', async (_, config, answers, endpoint) => {
    const { endpoints } = await resolveEndpoints(
      { ...config, srv_domain: 'example' },
      { resolveSrv: dns(answers) },
    )
    expect(endpoints).toEqual([endpoint])
  })

  it('implies https for a certificate', async () => {
    const config = { srv_domain: 'example', ca_cert: files.get().ca }
    expect((await resolveEndpoints(config, { resolveSrv: dns(withoutSsl) })).endpoints).toEqual([
      'https://old:2379',
    ])
  })

  it('has TLS options when the record says TLS', async () => {
    expect((await resolveEndpoints({ srv_domain: 'example' }, { resolveSrv: dns(all) })).tls?.()).toEqual({})
  })

  it('looks up anew, in the same scheme, and falls back to the last answer with one warning', async () => {
    const warnings: string[] = []
    let answers: Parameters<typeof dns>[0] = all
    const resolveSrv: SrvResolver = name => dns(answers)(name)
    const warn = (message: string): void => void warnings.push(message)
    const { lookUp } = await resolveEndpoints({ srv_domain: 'example' }, { resolveSrv, warn })
    answers = { ...all, [SSL]: [record('moved')] }
    expect(await lookUp!()).toEqual(['https://moved:2379'])
    answers = { [PLAIN]: [record('plain')] }
    expect(await lookUp!()).toEqual(['https://moved:2379'])
    expect(await lookUp!()).toEqual(['https://moved:2379'])
    expect(warnings).toEqual([
      expect.stringMatching(/^No SRV record .* The endpoints of before stay in use\.$/),
    ])
    answers = { ...all, [SSL]: 'ESERVFAIL' }
    expect(await lookUp!()).toEqual(['https://moved:2379'])
    expect(warnings).toEqual([expect.anything(), expect.stringMatching(/ESERVFAIL.*stay in use/)])
  })

  it('looks nothing up anew that is given', async () => {
    expect(await resolveEndpoints({ host: 'etcd1' })).not.toHaveProperty('lookUp')
  })

  it('sorts by priority, then by weight downwards', async () => {
    const records = [record('c', 2, 9), record('b', 1, 1), record('d', 10, 0), record('a', 1, 5, 4001)]
    const { endpoints } = await resolveEndpoints(
      { srv_domain: 'example' },
      { resolveSrv: dns({ [SSL]: records }) },
    )
    expect(endpoints).toEqual(['https://a:4001', 'https://b:2379', 'https://c:2379', 'https://d:2379'])
  })

  it('names the domain and what it asked for when there is no record', async () => {
    const failure = resolveEndpoints({ srv_domain: 'example' }, { resolveSrv: dns({}) })
    await expect(failure).rejects.toThrow(LockConfigError)
    await expect(failure).rejects.toThrow(
      `No SRV record was found for the srv_domain 'example', asked for: ${SSL}, ${PLAIN}, ${OLD}.`,
    )
  })

  it.each(['ESERVFAIL', 'ETIMEOUT', 'ECONNREFUSED'])(
    'does not fall back to plain http when DNS fails with %s',
    async code => {
      const failure = resolveEndpoints(
        { srv_domain: 'example' },
        { resolveSrv: dns({ ...all, [SSL]: code }) },
      )
      await expect(failure).rejects.toThrow(EtcdLockUnavailableError)
      await expect(failure).rejects.toThrow(`Unable to look up the SRV record ${SSL}: querySrv ${code}`)
    },
  )
})
