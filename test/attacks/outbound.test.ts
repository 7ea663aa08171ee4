import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { InputOf } from '../../src/api/operation.ts'
import { startCanary, type Canary } from '../support/canary.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// What an upstream can make the server connect to, and what it can make it say there.

let canary: Canary
let npmjs: NpmUpstream
let pypi: PypiUpstream

beforeEach(async () => {
  canary = await startCanary()
  npmjs = await startNpmUpstream()
  pypi = await startPypiUpstream()
})

afterEach(async () => {
  await canary[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

const start = (env: Readonly<Record<string, string>> = {}): Promise<TestRegistry> =>
  startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url, ...env })

const TARBALL = '/npm/local/main/hello/-/hello-1.0.0.tgz'

/** The registry's own words for what it refused, as its log has them. */
const refusals = ({ log }: TestRegistry): readonly string[] =>
  log.filter((line) => line['decision'] === 'upstream_down').map((line) => String(line['reason']))

describe('addresses that an index names', () => {
  it.each([
    ['the metadata service of a cloud', 'http://169.254.169.254/latest/meta-data/x.tgz'],
    ['the same over IPv6', 'http://[fd00:ec2::254]/x.tgz'],
    ['the loopback interface', 'CANARY/x.tgz'],
    ['its other names', 'CANARY-LOCALHOST/x.tgz'],
    ['its decimal spelling', 'CANARY-DECIMAL/x.tgz'],
    ['its spelling in IPv6', 'CANARY-MAPPED/x.tgz'],
    ['a private network', 'http://10.0.0.1/x.tgz'],
    ['a file of the machine', 'file:///etc/passwd'],
    ['another protocol', 'gopher://127.0.0.1/x.tgz'],
  ])('P-14 %s is not fetched from', async (_what, address) => {
    await using registry = await start()
    const port = new URL(canary.origin).port
    const tarball = address
      .replace('CANARY-LOCALHOST', `http://localhost:${port}`)
      .replace('CANARY-DECIMAL', `http://2130706433:${port}`)
      .replace('CANARY-MAPPED', `http://[::ffff:127.0.0.1]:${port}`)
      .replace('CANARY', canary.origin)
    await npmjs.publish({ name: 'hello', version: '1.0.0', dist: { tarball } })
    const response = await registry.fetch(TARBALL)
    expect(response.status).toBe(502)
    expect(await response.text()).not.toContain('secret')
    expect(canary.connections).toBe(0)
    expect(refusals(registry).join()).toMatch(/not a public address|addresses are not fetched/)
    // Nothing of it is kept: an honest address is asked the next time.
    await npmjs.publish({ name: 'hello', version: '1.0.0' })
    registry.passTime(15 * 60_000)
    await registry.fetch('/npm/local/main/hello', { headers: { 'cache-control': 'no-cache' } })
    expect((await registry.fetch(TARBALL)).status).toBe(200)
  })

  it('P-14 on PyPI neither, nor for the metadata beside a file', async () => {
    await using registry = await start()
    const [published] = await pypi.publish({ name: 'hello', version: '1.0.0' })
    const page = JSON.stringify({
      meta: { 'api-version': '1.1' },
      name: 'hello',
      versions: ['1.0.0'],
      files: [
        {
          filename: published?.file,
          url: `${canary.origin}${published?.path}`,
          hashes: { sha256: published?.sha256 },
          'core-metadata': true,
          size: published?.bytes.length,
        },
      ],
    })
    const headers = { 'content-type': 'application/vnd.pypi.simple.v1+json' }
    pypi.faults.on('/simple/hello/', { kind: 'status', status: 200, headers, body: page })
    for (const suffix of ['', '.metadata'])
      expect((await registry.fetch(`/pypi/local/main${published?.path}${suffix}`)).status).toBe(502)
    expect(canary.connections).toBe(0)
  })

  it.each([1, 3])('P-15 a redirect into the own network is not followed, after %d hops', async (hops) => {
    await using registry = await start()
    const { path } = await npmjs.publish({ name: 'hello', version: '1.0.0' })
    const stops = [path, ...Array.from({ length: hops - 1 }, (_, hop) => `/hop/${hop}`)]
    for (const [hop, from] of stops.entries())
      npmjs.faults.on(from, { kind: 'redirect', to: stops[hop + 1] ?? `${canary.origin}/x.tgz` })
    expect((await registry.fetch(TARBALL)).status).toBe(502)
    expect(npmjs.countOf(stops.at(-1) ?? '')).toBe(1)
    expect(canary.connections).toBe(0)
  })

  it('P-15 an index is not redirected there either, and redirects end', async () => {
    await using registry = await start()
    npmjs.faults.on('/inward', { kind: 'redirect', to: `${canary.origin}/inward` })
    npmjs.faults.on('/circle', { kind: 'redirect', to: '/circle' })
    expect((await registry.fetch('/npm/local/main/inward')).status).toBe(502)
    expect((await registry.fetch('/npm/local/main/circle')).status).toBe(502)
    expect(canary.connections).toBe(0)
    expect(npmjs.countOf('/circle')).toBeLessThanOrEqual(11)
  })
})

describe('credentials of a connection', () => {
  const TOKEN = 'upstream-credential-that-stays-home'

  type Credentials = InputOf<typeof operations.createConnection>['credentials']

  /** A connection with credentials to the npm upstream, in a repository of its own. */
  async function connect(
    registry: TestRegistry,
    credentials: Credentials = { type: 'bearer', token: TOKEN },
  ): Promise<void> {
    const { call } = registry.admin.client
    await call(operations.createConnection, { name: 'private:partner', format: 'npm', url: npmjs.url, credentials })
    await call(operations.createRepository, { domain: 'local', repository: 'partner' })
    const to = { domain: 'local', repository: 'partner', externalConnection: 'private:partner' }
    await call(operations.associateExternalConnection, to)
  }

  const PARTNER = '/npm/local/partner/hello/-/hello-1.0.0.tgz'

  it.each([
    [{ type: 'bearer', token: TOKEN }, `Bearer ${TOKEN}`],
    [{ type: 'basic', username: 'us', password: TOKEN }, `Basic ${Buffer.from(`us:${TOKEN}`).toString('base64')}`],
  ] as const)('P-16 go to the connection: %o', async (credentials, header) => {
    await using registry = await start()
    await connect(registry, credentials)
    await npmjs.publish({ name: 'hello', version: '1.0.0' })
    expect((await registry.fetch(PARTNER)).status).toBe(200)
    expect(new Set(npmjs.requests.map(({ headers }) => headers['authorization']))).toEqual(new Set([header]))
  })

  it.each([
    ['a tarball elsewhere', false],
    ['a redirect of the tarball', true],
  ])('P-16 do not follow %s', async (_what, isRedirect) => {
    await using elsewhere = await startNpmUpstream()
    await using registry = await start({ GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' })
    await connect(registry)
    const { path, url } = await elsewhere.publish({ name: 'hello', version: '1.0.0' })
    await npmjs.publish({ name: 'hello', version: '1.0.0', ...(!isRedirect && { dist: { tarball: url } }) })
    if (isRedirect) npmjs.faults.on(path, { kind: 'redirect', to: url })
    expect((await registry.fetch(PARTNER)).status).toBe(200)
    const [seen, ...more] = elsewhere.requests
    expect(more).toEqual([])
    expect(JSON.stringify(seen)).not.toContain(TOKEN)
    expect(JSON.stringify(seen)).not.toContain(registry.token)
    const secretly = ['authorization', 'cookie', 'proxy-authorization', 'x-api-key', 'npm-session', 'referer']
    expect(Object.keys(seen?.headers ?? {}).filter((name) => secretly.includes(name))).toEqual([])
  })

  it.each(['Bearer realm="CANARY/token",service="x"', 'Basic realm="CANARY"', 'Bearer realm="CANARY/%2e%2e"'])(
    'P-17 are not taken to where a challenge leads: %s',
    async (challenge) => {
      await using registry = await start({ GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' })
      await connect(registry)
      const headers = { 'www-authenticate': challenge.replace('CANARY', canary.origin) }
      npmjs.faults.on('*', { kind: 'status', status: 401, headers })
      const response = await registry.fetch('/npm/local/partner/hello')
      expect(response.status).toBe(502)
      expect(response.headers.get('www-authenticate')).toBeNull()
      expect(canary.connections).toBe(0)
    },
  )

  it('P-18 of a client never reach an upstream', async () => {
    await using registry = await start()
    const { file } = await npmjs.publish({ name: 'hello', version: '1.0.0' })
    const [wheel] = await pypi.publish({ name: 'hello', version: '1.0.0' })
    const headers = {
      cookie: 'session=mine',
      'x-api-key': 'mine',
      'proxy-authorization': 'Basic bWluZQ==',
      'npm-session': 'mine',
      referer: 'install mine',
      'x-forwarded-for': '203.0.113.7',
    }
    const paths = [`/npm/local/main/hello`, `/npm/local/main/hello/-/${file}`, '/pypi/local/main/simple/hello/']
    for (const path of [...paths, `/pypi/local/main${wheel?.path}.metadata`, `/pypi/local/main${wheel?.path}`])
      expect((await registry.fetch(path, { headers })).status, path).toBe(200)
    const sent = [...npmjs.requests, ...pypi.requests]
    expect(sent.length).toBe(5)
    for (const request of sent) {
      expect(JSON.stringify(request)).not.toMatch(/mine|203\.0\.113\.7/)
      expect(JSON.stringify(request)).not.toContain(registry.token)
      expect(Object.keys(request.headers)).not.toContain('authorization')
    }
  })
})
