import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { integrityOf } from '../support/npm-publish.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// An upstream changes what it offers: what is new arrives, and what was fetched once stays as it was.

const FRESHNESS = 10 * 60_000
const OLD = '2024-01-01T00:00:00.000Z'

let npmjs: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  npmjs = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

let name = ''
let taken = 0
beforeEach(() => {
  name = `changed-${(taken += 1)}`
})
afterEach(async () => {
  npmjs.faults.clear()
  pypi.faults.clear()
  await setWithdrawn('serve')
})

type Manifest = {
  readonly dist: { readonly integrity?: string; readonly shasum?: string; readonly tarball: string }
  readonly deprecated?: string
  readonly dependencies?: Readonly<Record<string, string>>
}
type Packument = {
  readonly 'dist-tags': Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, Manifest>>
  readonly time: Readonly<Record<string, string>>
  readonly policyRestrictions?: { readonly message: string; readonly versions: Readonly<Record<string, unknown>> }
}

const get = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
  registry.fetch(path, { token: await registry.admin.token(), headers })

const document = async (repository = 'main'): Promise<Packument> =>
  (await (await get(`/npm/local/${repository}/${name}`)).json()) as Packument

/** As people see it, who ask with ordinary requests: the first after the freshness time may still be told the old, the next is not. */
async function documentLater(): Promise<Packument> {
  registry.passTime(FRESHNESS)
  const before = await document()
  for (let time = 0; time < 50; time++) {
    const now = await document()
    if (JSON.stringify(now) !== JSON.stringify(before)) return now
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return before
}

const refreshed = async (repository = 'main'): Promise<Packument> => {
  registry.passTime(FRESHNESS)
  const answer = await get(`/npm/local/${repository}/${name}`, { 'cache-control': 'no-cache' })
  return (await answer.json()) as Packument
}

const tarball = (version: string, repository = 'main') => `/npm/local/${repository}/${name}/-/${name}-${version}.tgz`

async function download(path: string): Promise<Buffer> {
  const answer = await get(path)
  expect(answer.status, path).toBe(200)
  return Buffer.from(await answer.arrayBuffer())
}

async function eventsAbout(type: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const events: Readonly<Record<string, unknown>>[] = []
  for (let after: string | undefined, first = true; first || after !== undefined; first = false) {
    const page = await registry.admin.client.call(operations.listEvents, { limit: 1000, ...(after && { after }) })
    events.push(...page.events.filter((event) => event.type === type).map(({ detail }) => detail))
    after = page.next ?? undefined
  }
  return events.filter((detail) => detail['packageName'] === name)
}

const setWithdrawn = (withdrawn: 'serve' | 'hold', repository = 'main') =>
  registry.admin.client.call(operations.putRepositorySettings, { domain: 'local', repository, withdrawn })

describe('what changes upstream arrives within the freshness time', () => {
  it('a new version, a tag, a deprecation, and a version that is gone', async () => {
    await npmjs.publish({ name, version: '1.0.0' })
    expect(Object.keys((await document()).versions)).toEqual(['1.0.0'])

    await npmjs.publish({ name, version: '1.1.0' })
    expect(await documentLater()).toMatchObject({ 'dist-tags': { latest: '1.1.0' }, versions: { '1.1.0': {} } })

    npmjs.setTag(name, 'beta', '1.0.0')
    expect((await documentLater())['dist-tags']).toEqual({ latest: '1.1.0', beta: '1.0.0' })

    await npmjs.publish({ name, version: '1.1.0', manifest: { deprecated: 'use another' } })
    expect((await documentLater()).versions['1.1.0']?.deprecated).toBe('use another')

    npmjs.unpublish(name, '1.0.0')
    expect(Object.keys((await documentLater()).versions)).toEqual(['1.1.0'])

    const asked = npmjs.countOf(`/${name}`)
    registry.passTime(FRESHNESS)
    await refreshed()
    expect(npmjs.requests.at(-1)?.headers['if-none-match'], 'it was asked with a condition').toBeDefined()
    expect(npmjs.countOf(`/${name}`)).toBeGreaterThan(asked)
  })

  it('a deprecation of a version that was fetched', async () => {
    await npmjs.publish({ name, version: '1.0.0' })
    await document()
    await download(tarball('1.0.0'))
    await npmjs.publish({ name, version: '1.0.0', manifest: { deprecated: 'broken' } })
    expect((await documentLater()).versions['1.0.0']?.deprecated).toBe('broken')
    expect(await eventsAbout('Upstream Integrity Changed')).toEqual([])
  })

  it('a package that is gone: the versions that nobody fetched', async () => {
    await npmjs.publish({ name, version: '1.0.0' })
    await document()
    npmjs.unpublish(name)
    registry.passTime(FRESHNESS)
    expect((await get(`/npm/local/main/${name}`, { 'cache-control': 'no-cache' })).status).toBe(404)
  })
})

describe('P-22 another integrity upstream for a version that was fetched', () => {
  const CHANGES = [
    {
      what: 'other bytes',
      dist: { integrity: integrityOf(randomBytes(9)), shasum: 'a'.repeat(40), signatures: [{ keyid: 'k', sig: 's' }] },
    },
    { what: 'weaker digests', dist: { integrity: null } },
  ]

  it.each(CHANGES)('$what: clients are shown ours, and one event tells of it', async ({ what, dist }) => {
    const first = await npmjs.publish({
      name,
      version: '1.0.0',
      packageJson: { dependencies: { before: '1.0.0' } },
      dist: { signatures: [{ keyid: 'first', sig: 'of-the-first' }] },
    })
    await document()
    await download(tarball('1.0.0'))
    const packageJson = { dependencies: { before: '1.0.0' } }
    const manifest = { deprecated: 'see elsewhere', dependencies: { after: '1.0.0' } }
    await npmjs.publish({ name, version: '1.0.0', packageJson, dist, manifest })
    for (const accept of ['application/json', 'application/vnd.npm.install-v1+json']) {
      registry.passTime(FRESHNESS)
      const answer = await get(`/npm/local/main/${name}`, { accept, 'cache-control': 'no-cache' })
      const shown = ((await answer.json()) as Packument).versions['1.0.0']
      expect(shown?.dist).toMatchObject({
        integrity: first.integrity,
        shasum: first.shasum,
        signatures: [{ keyid: 'first', sig: 'of-the-first' }],
        tarball: expect.stringContaining('/npm/local/main/'),
      })
      expect(shown?.dependencies).toEqual({ before: '1.0.0' })
      expect(shown?.deprecated).toBe('see elsewhere')
    }
    expect(await download(tarball('1.0.0'))).toEqual(first.bytes)

    // Whatever else changes upstream, that is told once.
    await npmjs.publish({ name, version: '1.0.1' })
    expect(Object.keys((await refreshed()).versions)).toEqual(['1.0.0', '1.0.1'])
    const events = await eventsAbout('Upstream Integrity Changed')
    expect(events).toEqual([
      expect.objectContaining({
        domainName: 'local',
        repositoryNames: ['main', 'npm-store'],
        connection: 'public:npmjs',
        packageFormat: 'npm',
        packageVersion: '1.0.0',
        actor: 'granary:system',
        files: [
          {
            file: `${name}-1.0.0.tgz`,
            change: what,
            kept: expect.objectContaining({ sha1: first.shasum }),
            offered: expect.objectContaining({ sha1: dist.shasum ?? first.shasum }),
          },
        ],
      }),
    ])
    expect(JSON.stringify(events)).toContain(
      Buffer.from(first.integrity.slice('sha512-'.length), 'base64').toString('hex'),
    )
  })

  it('is announced again when it changes again, and not when it is as it was', async () => {
    const first = await npmjs.publish({ name, version: '1.0.0' })
    await document()
    await download(tarball('1.0.0'))
    for (const integrity of [integrityOf(randomBytes(9)), integrityOf(randomBytes(9)), first.integrity]) {
      await npmjs.publish({ name, version: '1.0.0', dist: { integrity } })
      expect((await refreshed()).versions['1.0.0']?.dist.integrity).toBe(first.integrity)
    }
    expect(await eventsAbout('Upstream Integrity Changed')).toHaveLength(2)
  })

  it('does not hide a version of the upstream that was not fetched', async () => {
    await npmjs.publish({ name, version: '1.0.0' })
    await document()
    const changed = await npmjs.publish({ name, version: '1.0.0', files: { 'index.js': 'changed()\n' } })
    expect((await refreshed()).versions['1.0.0']?.dist.integrity).toBe(changed.integrity)
    expect(await download(tarball('1.0.0'))).toEqual(changed.bytes)
    expect(await eventsAbout('Upstream Integrity Changed')).toEqual([])
  })

  it('keeps the bytes and the digests of a file of PyPI, whose new bytes lie elsewhere', async () => {
    const [first] = await pypi.publish({ name, version: '1.0.0', requiresPython: '>=3.8' })
    const address = `/pypi/local/main${first?.path}`
    await page(JSON_PAGE)
    expect(await download(address)).toEqual(first?.bytes)
    pypi.remove(name)
    const [second] = await pypi.publish({ name, version: '1.0.0', requiresPython: '>=3.99', bytes: randomBytes(400) })
    expect(second?.file).toBe(first?.file)
    registry.passTime(FRESHNESS)
    for (const accept of ['text/html', JSON_PAGE]) {
      const text = await page(accept)
      expect(text).toContain(first?.sha256)
      expect(text).toContain(first?.path)
      expect(text).toMatch(/(>|&gt;)=3\.8/)
      expect(text).not.toContain(second?.sha256)
    }
    expect(await download(address)).toEqual(first?.bytes)
    expect(await eventsAbout('Upstream Integrity Changed')).toHaveLength(1)
  })
})

const JSON_PAGE = 'application/vnd.pypi.simple.v1+json'
const page = async (accept: string, headers = { 'cache-control': 'no-cache' }): Promise<string> =>
  (await get(`/pypi/local/main/simple/${name}/`, { accept, ...headers })).text()

describe('P-24 a version that was fetched and that the upstream withdrew', () => {
  it('is listed with its manifest as it was, can be downloaded, and is announced once', async () => {
    const packageJson = { dependencies: { other: '^1.0.0' }, bin: './cli.js' }
    const first = await npmjs.publish({ name, version: '1.0.0', packageJson, time: OLD })
    await npmjs.publish({ name, version: '2.0.0' })
    const before = await document()
    await download(tarball('1.0.0'))
    npmjs.unpublish(name, '1.0.0')
    for (const accept of ['application/json', 'application/vnd.npm.install-v1+json']) {
      registry.passTime(FRESHNESS)
      const answer = await get(`/npm/local/main/${name}`, { accept, 'cache-control': 'no-cache' })
      const shown = (await answer.json()) as Packument
      expect(Object.keys(shown.versions)).toEqual(['2.0.0', '1.0.0'])
      expect(shown.versions['1.0.0']).toMatchObject({
        dependencies: { other: '^1.0.0' },
        dist: before.versions['1.0.0']?.dist,
      })
      expect(shown['dist-tags']).toEqual({ latest: '2.0.0' })
      expect(shown.time['1.0.0']).toBe(OLD)
    }
    expect(await download(tarball('1.0.0'))).toEqual(first.bytes)
    await npmjs.publish({ name, version: '2.0.1' })
    expect(Object.keys((await refreshed()).versions)).toEqual(['2.0.0', '2.0.1', '1.0.0'])
    expect(await eventsAbout('Upstream Version Withdrawn')).toEqual([
      expect.objectContaining({
        repositoryNames: ['main', 'npm-store'],
        packageVersion: '1.0.0',
        files: [expect.objectContaining({ file: `${name}-1.0.0.tgz` })],
      }),
    ])
  })

  it('is the upstream’s again when it comes back', async () => {
    const first = await npmjs.publish({ name, version: '1.0.0' })
    await npmjs.publish({ name, version: '2.0.0' })
    await document()
    await download(tarball('1.0.0'))
    npmjs.unpublish(name, '1.0.0')
    await refreshed()
    await setWithdrawn('hold')
    expect((await get(tarball('1.0.0'))).status).toBe(403)
    await npmjs.publish({ name, version: '1.0.0' })
    expect(Object.keys((await refreshed()).versions)).toEqual(['2.0.0', '1.0.0'])
    expect(await download(tarball('1.0.0'))).toEqual(first.bytes)
  })

  it('is held where the repository says so: left out, refused by address with the reason, and told by npm', async () => {
    await npmjs.publish({ name, version: '1.0.0' })
    await npmjs.publish({ name, version: '2.0.0' })
    await document()
    await download(tarball('1.0.0'))
    npmjs.unpublish(name, '1.0.0')
    await refreshed()
    await setWithdrawn('hold')
    const shown = await document()
    expect(Object.keys(shown.versions)).toEqual(['2.0.0'])
    expect(shown.policyRestrictions?.message).toContain('1.0.0: its upstream withdrew it')
    expect(Object.keys(shown.policyRestrictions?.versions ?? {})).toEqual(['1.0.0'])
    for (const path of [tarball('1.0.0'), `/npm/local/main/${name}/1.0.0`]) {
      const refused = await get(path)
      expect(refused.status).toBe(403)
      expect(await refused.text()).toContain('1.0.0 is held back: its upstream withdrew it')
    }
    expect((await get(tarball('2.0.0'))).status).toBe(200)
    // Another repository says otherwise.
    expect((await get(tarball('1.0.0', 'npm-store'))).status).toBe(200)
    expect(Object.keys((await document('npm-store')).versions)).toEqual(['2.0.0', '1.0.0'])
    await setWithdrawn('serve')
    expect(Object.keys((await document()).versions)).toEqual(['2.0.0', '1.0.0'])
  })

  it('is held also where the whole package was withdrawn, and announced for each version that was fetched', async () => {
    for (const version of ['1.0.0', '1.1.0', '2.0.0']) await npmjs.publish({ name, version })
    await document()
    await download(tarball('1.0.0'))
    await download(tarball('1.1.0'))
    npmjs.unpublish(name)
    expect(Object.keys((await refreshed()).versions)).toEqual(['1.0.0', '1.1.0'])
    const events = await eventsAbout('Upstream Version Withdrawn')
    expect(events.map((detail) => detail['packageVersion']).toSorted()).toEqual(['1.0.0', '1.1.0'])
    await setWithdrawn('hold')
    const refused = await get(`/npm/local/main/${name}`)
    expect(refused.status).toBe(403)
    expect(await refused.text()).toContain('its upstream withdrew it')
    expect((await get(tarball('1.1.0'))).status).toBe(403)
  })

  it('stays where the upstream suddenly lists nothing, and the other versions come back with it', async () => {
    for (const version of ['1.0.0', '1.1.0', '2.0.0']) await npmjs.publish({ name, version })
    const before = await document()
    await download(tarball('1.0.0'))
    const body = JSON.stringify({ name, 'dist-tags': {}, versions: {} })
    npmjs.faults.on(`/${name}`, { kind: 'status', status: 200, body })
    const during = await refreshed()
    expect(Object.keys(during.versions)).toEqual(['1.0.0'])
    expect(during['dist-tags']['latest']).toBe('1.0.0')
    npmjs.faults.clear()
    const after = await refreshed()
    expect(Object.keys(after.versions)).toEqual(['1.0.0', '1.1.0', '2.0.0'])
    expect(after.versions).toEqual(before.versions)
    expect(await eventsAbout('Upstream Version Withdrawn')).toHaveLength(1)
  })

  it('is not announced where one answer says so that the next takes back', async () => {
    for (const version of ['1.0.0', '1.1.0', '2.0.0']) await npmjs.publish({ name, version })
    await document()
    await download(tarball('1.0.0'))
    npmjs.faults.on(`/${name}`, { kind: 'status', status: 404, body: '{}' }, { times: 1 })
    expect(Object.keys((await refreshed()).versions)).toEqual(['1.0.0', '1.1.0', '2.0.0'])
    expect(await eventsAbout('Upstream Version Withdrawn')).toEqual([])
  })

  it('is listed on the pages of PyPI as it was, and held where the repository says so', async () => {
    const [first] = await pypi.publish({ name, version: '1.0.0', requiresPython: '>=3.8', uploadTime: OLD })
    await pypi.publish({ name, version: '2.0.0' })
    const address = `/pypi/local/main${first?.path}`
    await page(JSON_PAGE)
    expect(await download(address)).toEqual(first?.bytes)
    pypi.remove(name, '1.0.0')
    registry.passTime(FRESHNESS)
    const listed = JSON.parse(await page(JSON_PAGE)) as { files: Record<string, unknown>[]; versions: string[] }
    expect(listed.versions).toEqual(['1.0.0', '2.0.0'])
    expect(listed.files.find(({ filename }) => filename === first?.file)).toMatchObject({
      'requires-python': '>=3.8',
      'upload-time': expect.stringContaining('2024-01-01T00:00:00'),
      hashes: { sha256: first?.sha256 },
    })
    expect(await download(address)).toEqual(first?.bytes)
    expect(await eventsAbout('Upstream Version Withdrawn')).toHaveLength(1)

    await setWithdrawn('hold')
    expect(await page('text/html')).not.toContain('1.0.0')
    const refused = await get(address)
    expect(refused.status).toBe(403)
    expect(refused.statusText).toContain('its upstream withdrew it')
  })
})
