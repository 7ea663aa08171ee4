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
  ] as const)('refuses %j %j with one clear line', (argv, env, message) => {
    const attempt = () => build([...argv], env)
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(message)
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
