import { describe, expect, it } from 'vitest'
import { buildConfig, ConfigError, describeSettings, readSettings, warnings } from './config.ts'

const build = (argv: string[], env: Record<string, string> = {}) => buildConfig(readSettings(argv, env), '/srv')

describe('configuration', () => {
  it('has defaults that serve on loopback with state in data/', () => {
    const config = build([])
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8787,
      data: '/srv/data',
      region: 'us-east-1',
      publicUrls: [],
    })
    expect(config.database).toEqual({ driver: 'sqlite', file: '/srv/data/granary.db' })
    expect(config.masterKey).toEqual({ file: '/srv/data/master.key' })
    expect(warnings(config)).toEqual([])
  })

  it('prefers a flag to the environment, and says where each value came from', () => {
    const flat = readSettings(['--port', '1'], { GRANARY_PORT: '2', GRANARY_REGION: 'eu-west-1' })
    expect(flat.port).toEqual({ value: '1', source: 'flag' })
    expect(flat.region).toEqual({ value: 'eu-west-1', source: 'environment' })
    expect(flat.host.source).toBe('default')
  })

  it.each([
    [['--port', 'x'], {}, /GRANARY_PORT/],
    [['--port', '70000'], {}, /65535/],
    [['--host', '0.0.0.0'], {}, /GRANARY_PUBLIC_URL/],
    [['--public-url', 'packages.example'], {}, /http/],
    [['--public-url', 'https://packages.example/npm'], {}, /no path/],
    [['--nonsense', '1'], {}, /nonsense/],
    [[], { GRANARY_DATABASE_URL: 'mysql://x' }, /postgres/],
    [[], { GRANARY_BOOTSTRAP_ACCESS_KEY_ID: 'AKIA1234567890123456' }, /go together/],
    [[], { GRANARY_MASTER_KEY: 'x', GRANARY_MASTER_KEY_FILE: 'y' }, /contradict/],
    [[], { GRANARY_CACHE_LIMIT: 'lots' }, /500MB/],
    [['--trusted-proxies', '10.0.0.0/8,proxy'], {}, /GRANARY_TRUSTED_PROXIES is "proxy"/],
    [['--trusted-proxies', '10.0.0.0/33'], {}, /CIDR/],
    [['--allow-private-targets', 'ci.internal,10.0.0.0/99'], {}, /GRANARY_ALLOW_PRIVATE_TARGETS is "10.0.0.0\/99"/],
    [['--allow-private-targets', 'http://ci.internal'], {}, /host names/],
    [[], { HTTPS_PROXY: 'me:canary@proxy' }, /^(?!.*canary).*HTTPS_PROXY/],
    [['--trusted-proxies', '10.0.0/8'], {}, /CIDR/],
    [[], { GRANARY_UPSTREAM_NPMJS: 'ftp://npm.example/' }, /https/],
    [[], { GRANARY_UPSTREAM_NPMJS: 'https://npm.example/?token=x' }, /without log-in or query/],
    [[], { GRANARY_UPSTREAM_PYPI: 'https://me:canary@pypi.example/simple/' }, /^(?!.*canary).*without log-in/],
  ] as const)('refuses %j %j with one clear line', (argv, env, message) => {
    const attempt = () => build([...argv], env)
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(message)
  })

  it.each(['GRANARY_BOOTSTRAP_SECRET_ACCESS_KEY', 'GRANARY_BOOTSTRAP_ACCESS_KEY_SECRET', 'GRANARY_BOOTSTRAP_SECRET'])(
    'takes the first key from the environment, its secret as %s',
    (name) => {
      const env = { GRANARY_BOOTSTRAP_ACCESS_KEY_ID: 'AKIA1234567890123456', [name]: 'a secret of some length' }
      const flat = readSettings([], env)
      expect(buildConfig(flat, '/srv').bootstrapKey).toEqual({
        id: 'AKIA1234567890123456',
        secret: 'a secret of some length',
      })
      expect(flat.bootstrapSecret.source).toBe('environment')
      expect(JSON.stringify(describeSettings(flat))).not.toContain('some length')
    },
  )

  it('takes addresses of proxies one by one and by the range', () => {
    const { trustedProxies } = build(['--trusted-proxies', '10.0.0.0/8, 192.0.2.7,2001:db8::/32,::1'])
    expect(trustedProxies).toEqual(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'])
  })

  it('takes origins whose pages may read packages, and nothing wider', () => {
    expect(build(['--cors-origins', 'https://lab.example, http://localhost:8000/']).corsOrigins).toEqual([
      'https://lab.example',
      'http://localhost:8000',
    ])
    for (const wrong of ['*', 'null', 'https://lab.example/path', 'lab.example'])
      expect(() => build(['--cors-origins', wrong])).toThrow(/GRANARY_CORS_ORIGINS/)
  })

  it('takes the proxy, and what is reached without it, from where other programs have them', () => {
    const config = build([], { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: 'mirror.example, .corp.example' })
    expect(config).toMatchObject({ proxy: 'http://proxy.example:3128', noProxy: ['mirror.example', '.corp.example'] })
  })

  it('warns of plain HTTP beyond this machine', () => {
    expect(warnings(build(['--public-url', 'http://packages.example']))[0]).toMatch(/plain HTTP/)
    expect(warnings(build(['--public-url', 'https://packages.example']))).toEqual([])
    expect(warnings(build(['--host', '192.0.2.1']))[0]).toMatch(/plain HTTP/)
  })

  it('hides secrets when it prints', () => {
    const printed = describeSettings(readSettings([], { GRANARY_DATABASE_URL: 'postgres://u:hunter2@db.example/g' }))
    expect(JSON.stringify(printed)).not.toContain('hunter2')
  })

  it.each([
    ['10GB', 10e9],
    ['1.5mb', 1.5e6],
    ['42', 42],
    ['7 kB', 7e3],
    ['9b', 9],
  ])('reads %s as bytes', (text, expected) => {
    expect(build(['--cache-limit', text]).cacheLimit).toBe(expected)
  })
})
