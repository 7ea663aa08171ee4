import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { InputOf } from '../../src/api/operation.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'

// Several upstreams behind one repository: what one hears, gives and suffers is no other's business.

let partner: NpmUpstream
let second: NpmUpstream
let registry: TestRegistry

beforeEach(async () => {
  partner = await startNpmUpstream()
  second = await startNpmUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: second.url })
})
afterEach(async () => {
  for (const one of [registry, partner, second]) await one[Symbol.asyncDispose]()
})

const call = () => registry.admin.client.call
type Options = Omit<InputOf<typeof operations.createConnection>, 'name' | 'format' | 'url'>

/** Puts the partner before the other connection of the repository that `main` draws from. */
async function connectPartner(options: Options = {}): Promise<void> {
  const at = { domain: 'local', repository: 'partner-store' }
  const name = 'private:partner'
  await call()(operations.createConnection, { name, format: 'npm', url: partner.url, ...options })
  await call()(operations.createRepository, at)
  await call()(operations.associateExternalConnection, { ...at, externalConnection: name })
  await call()(operations.updateRepository, {
    domain: 'local',
    repository: 'main',
    upstreams: ['partner-store', 'npm-store', 'pypi-store'].map((repositoryName) => ({ repositoryName })),
  })
}
const packument = (name: string) => registry.fetch(`/npm/local/main/${name.replace('/', '%2f')}`)
const tarball = (name: string, version = '1.0.0') =>
  registry.fetch(`/npm/local/main/${name}/-/${name.slice(name.indexOf('/') + 1)}-${version}.tgz`)
const update = (changes: Omit<InputOf<typeof operations.updateConnection>, 'connection'>) =>
  call()(operations.updateConnection, { connection: 'private:partner', ...changes })
const statusOf = async (connection: string) => {
  const { connections } = await call()(operations.describeConnections, { connection })
  return connections[0]
}
const metrics = async () => (await registry.fetch('/-/metrics', { token: null })).text()
const token = { type: 'bearer', token: 'secret-of-the-partner' } as const

describe('a connection that is for some packages', () => {
  it.each([
    ['only', { only: ['@partner/*', 'exactly'] }, ['@partner/ui', 'exactly'], ['left-pad', '@other/ui', 'exactly-not']],
    ['but for', { except: ['@own/*', 'left-pad'] }, ['@partner/ui'], ['left-pad', '@own/ui']],
    ['both', { only: ['@partner/*'], except: ['@partner/secret'] }, ['@partner/ui'], ['@partner/secret']],
  ])('hears of no other name: %s', async (_, limits, its, others) => {
    await connectPartner(limits)
    for (const name of [...its, ...others]) {
      await partner.publish({ name, version: '1.0.0', manifest: { description: 'of the partner' } })
      await second.publish({ name, version: '1.0.0', manifest: { description: 'of the second' } })
    }
    for (const name of its) expect(await (await packument(name)).text(), name).toContain('of the partner')
    const heard = partner.requests.length
    for (const name of others) {
      expect(await (await packument(name)).text(), name).toContain('of the second')
      expect((await tarball(name)).status, name).toBe(200)
      await (await registry.fetch(`/npm/local/main/-/npm/v1/attestations/${name.replace('/', '%2f')}@1.0.0`)).text()
    }
    // By no way: index, version manifest, file, attestations.
    expect(partner.requests).toHaveLength(heard)
    const audit = await registry.fetch('/npm/local/main/-/npm/v1/security/advisories/bulk', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(Object.fromEntries([...its, ...others].map((name) => [name, ['1.0.0']]))),
    })
    expect(audit.status).toBe(200)
    const asked = partner.requests.slice(heard).map(({ body }) => Object.keys(JSON.parse(String(body)) as object))
    expect(asked).toEqual([its])
  })

  it('refuses patterns that mean no names', async () => {
    await expect(connectPartner({ only: ['@partn*'] })).rejects.toThrow(/scope is written to its end/)
  })

  it('keeps serving what came from it, when it is narrowed later', async () => {
    await connectPartner()
    const { bytes } = await partner.publish({ name: '@partner/ui', version: '1.0.0' })
    expect((await tarball('@partner/ui')).status).toBe(200)
    await update({ only: ['@partner/other'] })
    const heard = partner.requests.length
    const again = await tarball('@partner/ui')
    expect(Buffer.from(await again.arrayBuffer())).toEqual(bytes)
    expect(await (await packument('@partner/ui')).text()).toContain('1.0.0')
    await (await registry.fetch('/npm/local/main/-/npm/v1/attestations/@partner%2fui@1.0.0')).text()
    expect(partner.requests).toHaveLength(heard)
  })
})

describe('a file', () => {
  // A lock file asks for the file alone, so that only the manifest of its version is fetched; who has the index, by it.
  const WAYS = [
    ['by the manifest of its version', false],
    ['by the whole index', true],
  ] as const

  it.each(WAYS)(
    'comes from the upstream whose document names it, never from another of the name: %s',
    async (_, whole) => {
      await connectPartner({ credentials: token })
      const { bytes } = await partner.publish({ name: 'both', version: '1.0.0' })
      const other = await second.publish({ name: 'both', version: '1.0.0', files: { 'evil.js': '' } })
      if (whole) await packument('both')
      const answer = await tarball('both')
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes)
      expect(second.requests).toHaveLength(0)
      // And not when its own upstream fails: the other's is another package.
      await partner.publish({ name: 'lost', version: '1.0.0' })
      await second.publish({ name: 'lost', version: '1.0.0' })
      if (whole) await packument('lost')
      partner.faults.on(/lost-1.0.0.tgz$/, { kind: 'status', status: 500 })
      expect((await tarball('lost')).status).toBe(502)
      expect(second.requests).toHaveLength(0)
      expect(other.bytes).not.toEqual(bytes)
    },
  )

  it.each(WAYS)('P-14 that a document places at another upstream is not fetched there: %s', async (_, whole) => {
    await connectPartner({ credentials: token })
    const theirs = await second.publish({ name: 'other', version: '1.0.0' })
    await partner.publish({ name: 'mine', version: '1.0.0', tarballBytes: theirs.bytes, dist: { tarball: theirs.url } })
    if (whole) await packument('mine')
    const answer = await tarball('mine')
    expect(answer.status).toBe(502)
    expect(second.requests).toHaveLength(0)
  })

  it.each(WAYS)(
    'P-16 at a declared file origin is fetched without the credentials of its registry: %s',
    async (_, whole) => {
      await connectPartner({ credentials: token, fileOrigins: [second.origin] })
      const theirs = await second.publish({ name: 'other', version: '1.0.0' })
      await partner.publish({
        name: 'mine',
        version: '1.0.0',
        tarballBytes: theirs.bytes,
        dist: { tarball: theirs.url },
      })
      if (whole) await packument('mine')
      expect((await tarball('mine')).status).toBe(200)
      expect(second.requests.map(({ path }) => path)).toEqual([theirs.path])
      expect(JSON.stringify(second.requests)).not.toContain('secret-of-the-partner')
      for (const { headers } of partner.requests) expect(headers['authorization']).toBe('Bearer secret-of-the-partner')
    },
  )
})

describe('an upstream that asks to be left alone', () => {
  const LIMITED = { kind: 'status', status: 429, headers: { 'retry-after': '40' } } as const

  it('is, for as long as it said; the others are not', async () => {
    await connectPartner({ only: ['@partner/*'] })
    await partner.publish({ name: '@partner/ui', version: '1.0.0' })
    await second.publish({ name: 'left-pad', version: '1.0.0' })
    partner.faults.on('*', LIMITED)
    const refused = await packument('@partner/ui')
    expect({ status: refused.status, after: refused.headers.get('retry-after') }).toEqual({ status: 502, after: '40' })
    partner.faults.clear()
    const heard = partner.requests.length
    expect(heard).toBe(1) // 429 is not tried again
    registry.passTime(30_000)
    for (const name of ['@partner/ui', '@partner/another']) expect((await packument(name)).status).toBe(502)
    expect((await tarball('@partner/ui')).status).toBe(502)
    expect(partner.requests).toHaveLength(heard)
    expect((await packument('left-pad')).status).toBe(200)
    expect((await statusOf('public:npmjs'))?.state).toBe('closed')
    registry.passTime(11_000)
    expect((await packument('@partner/ui')).status).toBe(200)
    expect(partner.requests).toHaveLength(heard + 1)
  })

  it('is told of by the status and by the metrics, without secrets', async () => {
    await connectPartner({ credentials: token })
    await partner.publish({ name: 'ui', version: '1.0.0' })
    expect((await packument('ui')).status).toBe(200)
    partner.faults.on('*', LIMITED)
    await packument('another')
    await packument('a-third')
    const status = await statusOf('private:partner')
    expect(status).toMatchObject({
      state: 'open',
      since: expect.any(String),
      lastSuccessAt: expect.any(String),
      lastFailure: { reason: 'another: status 429' },
      latencyMs: expect.any(Number),
      requests: { answered: 1, absent: 0, failed: 1, notSent: 1 },
    })
    const text = await metrics()
    expect(text).toContain('granary_upstream_state{connection="private:partner",state="open"} 1')
    expect(text).toContain('granary_upstream_state{connection="private:partner",state="closed"} 0')
    expect(text).toContain('granary_upstream_state{connection="public:npmjs",state="closed"} 1')
    expect(text).toContain('granary_upstream_requests{connection="private:partner",outcome="not-sent"} 1')
    expect(text).toMatch(/granary_upstream_last_failure_age_seconds\{connection="private:partner"\} \d/)
    registry.passTime(41_000)
    expect((await statusOf('private:partner'))?.state).toBe('half-open')
    partner.faults.clear()
    await packument('another')
    expect((await statusOf('private:partner'))?.state).toBe('closed')
    for (const said of [JSON.stringify(status), text]) expect(said).not.toContain('secret-of-the-partner')
  })

  it('tells its status to operators alone', async () => {
    const reader = await registry.createUser('reader', {
      statements: [{ Effect: 'Allow', Action: 'codeartifact:*', Resource: '*' }],
    })
    await expect(reader.client.call(operations.describeConnections, {})).rejects.toThrow(/not authorized/)
  })
})

describe('a connection that is disabled', () => {
  it('hears nothing; what came from it is served, what did not is refused with the reason', async () => {
    await connectPartner()
    for (const name of ['here', 'not-here']) await partner.publish({ name, version: '1.0.0' })
    await second.publish({ name: 'not-here', version: '1.0.0' })
    await packument('here')
    const { enabled } = await update({ enabled: false })
    expect(enabled).toBe(false)
    const heard = partner.requests.length
    registry.passTime(3_600_000)
    const stale = await packument('here')
    expect({ status: stale.status, warning: stale.headers.get('warning') }).toMatchObject({
      status: 200,
      warning: expect.stringContaining('110'),
    })
    // Nor is another registry asked in its place: what it has under the name is somebody else's.
    for (const refused of [await packument('not-here'), await tarball('not-here'), await tarball('here')]) {
      expect(refused.status).toBe(502)
      expect(await refused.text()).toContain('private:partner')
    }
    expect([partner.requests.length, second.requests.length]).toEqual([heard, 0])
    expect((await statusOf('private:partner'))?.state).toBe('disabled')
    await update({ enabled: true })
    expect((await packument('not-here')).status).toBe(200)
  })
})

describe('a connection that is changed', () => {
  it('does not take its credentials to another host', async () => {
    await connectPartner({ credentials: token })
    await expect(update({ url: second.url })).rejects.toThrow(/give them anew/)
    await update({ url: second.url, credentials: { type: 'none' } })
    await second.publish({ name: 'ui', version: '1.0.0' })
    expect((await packument('ui')).status).toBe(200)
    expect(JSON.stringify(second.requests)).not.toContain('secret-of-the-partner')
  })

  it('forgets what the registry said that it led to before', async () => {
    await connectPartner()
    await partner.publish({ name: 'ui', version: '1.0.0' })
    await second.publish({ name: 'ui', version: '2.0.0' })
    expect(await (await packument('ui')).text()).toContain('1.0.0')
    await update({ url: second.url })
    expect(await (await packument('ui')).text()).not.toContain('1.0.0')
  })

  it('waits for its registry no longer than it is told to', async () => {
    await connectPartner({ timeoutMs: 300 })
    partner.faults.on('*', { kind: 'hang' })
    const begun = performance.now()
    expect((await packument('ui')).status).toBe(504)
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  it('leads where the configuration says, where it is built in', async () => {
    const builtIn = { connection: 'public:npmjs', url: partner.url }
    await expect(call()(operations.updateConnection, builtIn)).rejects.toThrow(/configuration/)
    await call()(operations.updateConnection, { connection: 'public:npmjs', enabled: false })
    expect((await packument('ui')).status).toBe(502)
    expect(second.requests).toHaveLength(0)
  })
})

describe('a package that is refreshed', () => {
  const refresh = (name: string, client = registry.admin.client) =>
    client.call(operations.refreshPackage, { domain: 'local', repository: 'main', format: 'npm', package: name })
  const versionsOf = async (name: string) =>
    Object.keys(((await (await packument(name)).json()) as { versions: object }).versions)

  it('is asked for at once, and what changed is told', async () => {
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await second.publish({ name: 'ui', version })
    const first = await refresh('ui')
    expect(first).toMatchObject({ connection: 'public:npmjs', state: 'present', isFirst: true, versions: 3, added: [] })
    const nothing = { added: [], withdrawn: [], discouraged: [], encouraged: [] }
    expect(await refresh('ui')).toMatchObject({ isFirst: false, versions: 3, ...nothing })
    expect(await versionsOf('ui')).toHaveLength(3)
    await second.publish({ name: 'ui', version: '2.0.0' })
    await second.publish({ name: 'ui', version: '1.1.0', manifest: { deprecated: 'use 2' } })
    second.unpublish('ui', '1.2.0')
    expect(await refresh('ui')).toMatchObject({
      versions: 3,
      added: ['2.0.0'],
      withdrawn: ['1.2.0'],
      discouraged: ['1.1.0'],
      encouraged: [],
    })
    // Whoever asks next has it, though what was said before is fresh yet.
    expect(await versionsOf('ui')).toEqual(['1.0.0', '1.1.0', '2.0.0'])
    await second.publish({ name: 'ui', version: '1.1.0' })
    expect(await refresh('ui')).toMatchObject({ ...nothing, encouraged: ['1.1.0'] })
    second.unpublish('ui')
    expect(await refresh('ui')).toMatchObject({ state: 'absent', versions: 0, withdrawn: ['1.0.0', '1.1.0', '2.0.0'] })
  })

  it('is not said to be unchanged where the upstream does not answer', async () => {
    await second.publish({ name: 'ui', version: '1.0.0' })
    await refresh('ui')
    second.faults.on('*', { kind: 'status', status: 500 })
    await expect(refresh('ui')).rejects.toThrow(/could not be asked for ui now/)
  })

  it('is told to no upstream where its name is private', async () => {
    const reserved = [{ format: 'npm', prefix: 'own-' }] as const
    await call()(operations.putReservedPrefixes, { domain: 'local', reserved: [...reserved] })
    await expect(refresh('own-thing')).rejects.toThrow(/No upstream may be asked/)
    expect(second.requests).toHaveLength(0)
  })

  it('needs the permission for it, on the package', async () => {
    await second.publish({ name: 'ui', version: '1.0.0' })
    const statements = [
      {
        Effect: 'Allow',
        Action: 'granary:RefreshPackage',
        Resource: 'arn:aws:codeartifact:*:*:package/local/main/npm//ui',
      },
    ]
    const allowed = await registry.createUser('refresher', { statements })
    const reader = await registry.createUser('reader', 'reader')
    await expect(refresh('ui', reader.client)).rejects.toThrow(/not authorized/)
    await expect(refresh('other', allowed.client)).rejects.toThrow(/not authorized/)
    expect(second.requests).toHaveLength(0)
    expect(await refresh('ui', allowed.client)).toMatchObject({ versions: 1 })
  })
})
