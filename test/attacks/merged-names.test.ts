import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startPypiUpstream, type PublishedPypi, type PypiRelease, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

// Names whose sources are merged: what a lower source may not do to a higher one. Every project has a name of its own.

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const LINUX = 'cp312-cp312-linux_x86_64'
const MAC = 'cp312-cp312-macosx_11_0_arm64'
const WINDOWS = 'cp312-cp312-win_amd64'

type Mode = 'never' | 'extra-wheels' | 'all'
type Source = 'here' | 'vendor' | 'public'
type Offered = { readonly source: Source; readonly file: string; readonly path: string; readonly bytes: Uint8Array }

let vendor: PypiUpstream
let open: PypiUpstream
let registry: TestRegistry
let name: string
let projects = 0
/** All that any source has of the project. */
let offered: Offered[]

beforeAll(async () => {
  vendor = await startPypiUpstream()
  open = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: open.url })
  const { call } = registry.admin.client
  await call(operations.createConnection, { name: 'private:vendor', format: 'pypi', url: vendor.url })
  for (const repository of ['builds', 'vendor-store'])
    await call(operations.createRepository, { domain: 'local', repository })
  const at = { domain: 'local', repository: 'vendor-store', externalConnection: 'private:vendor' }
  await call(operations.associateExternalConnection, at)
  const upstreams = ['builds', 'vendor-store', 'npm-store', 'pypi-store'].map((repositoryName) => ({ repositoryName }))
  await call(operations.updateRepository, { domain: 'local', repository: 'main', upstreams })
  await call(operations.putReservedPrefixes, { domain: 'local', reserved: [{ format: 'pypi', prefix: 'acme-' }] })
})
afterAll(async () => {
  for (const one of [registry, vendor, open]) await one[Symbol.asyncDispose]()
})
beforeEach(() => {
  projects += 1
  name = `project-${projects}`
  offered = []
})
afterEach(() => {
  vendor.faults.clear()
  open.faults.clear()
})

const merge = (mode: Mode, repository = 'main') =>
  registry.admin.client.call(operations.putPackageMerge, {
    domain: 'local',
    repository,
    format: 'pypi',
    package: name,
    mode,
  })

async function offer(source: Source, version: string, tags?: string, more: Partial<PypiRelease> = {}) {
  const release = {
    name,
    version,
    summary: `from ${source}`,
    files: { 'project.py': `SOURCE = '${source}'\n` },
    ...(tags !== undefined && { tags }),
    ...more,
  }
  if (source === 'here') {
    const built = buildWheel(release)
    expect(await uploadPypi(registry, { name, version, ...built }, { repository: 'builds' })).toMatchObject({
      status: 200,
    })
    const [listed] = (await page()).files.filter(({ filename }) => filename === built.file)
    offered.push({
      source,
      file: built.file,
      path: new URL(listed?.url ?? '').pathname.slice('/pypi/local/main'.length),
      bytes: built.bytes,
    })
    return
  }
  const published = await (source === 'vendor' ? vendor : open).publish({ ...release, provenance: attested(source) })
  offered.push(...published.map(({ file, path, bytes }: PublishedPypi) => ({ source, file, path, bytes })))
}

const attested = (source: Source) => ({ version: 1, attestation_bundles: [{ publisher: { kind: source } }] })

type Page = {
  readonly files: readonly { readonly filename: string; readonly url: string; readonly yanked: boolean | string }[]
  readonly versions: readonly string[]
}
const read = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  registry.fetch(`/pypi/local/main/${path}`, { headers: { 'cache-control': 'no-cache', ...headers } })
const page = async (): Promise<Page> => (await (await read(`simple/${name}/`, { accept: JSON_TYPE })).json()) as Page

/** What each door gives, as `source file`: they have to agree, file by file. */
async function doors(): Promise<readonly string[]> {
  const json = await page()
  const html = await (await read(`simple/${name}/`)).text()
  const legacy = (await (await read(`pypi/${name}/json`)).json()) as { releases: Record<string, { url: string }[]> }
  const released = Object.values(legacy.releases).flat()
  const given: string[] = []
  for (const { source, file, path, bytes } of offered) {
    const isListed = json.files.some(({ url }) => url.endsWith(path))
    // In this order: the first is asked before anything of the file is here.
    const part = await read(path.slice(1), { range: 'bytes=0-9' })
    const metadata = file.endsWith('.whl') ? await read(`${path.slice(1)}.metadata`) : null
    const whole = await read(path.slice(1))
    const what = `${source} ${file}`
    expect(html.includes(path), `HTML of ${what}`).toBe(isListed)
    expect(
      released.some(({ url }) => url.endsWith(path)),
      `JSON API of ${what}`,
    ).toBe(isListed)
    expect(whole.status, what).toBe(isListed ? 200 : 404)
    expect(part.status, `a part of ${what}`).toBe(isListed ? 206 : 404)
    if (metadata) expect(metadata.status, `metadata of ${what}`).toBe(isListed ? 200 : 404)
    const digest = createHash('sha256').update(bytes).digest('hex')
    for (const guess of [`packages/sha256/${digest}/${file}`, `packages/aa/bb/${'c'.repeat(60)}/${file}`])
      if (guess !== path.slice(1)) expect((await read(guess)).status, `${what} at ${guess}`).toBe(404)
    if (isListed) expect(Buffer.from(await whole.arrayBuffer()).equals(bytes), `bytes of ${what}`).toBe(true)
    if (isListed) given.push(what)
  }
  expect(json.files).toHaveLength(given.length)
  return given
}

/** What events of that type said of the project. */
async function told(type: string) {
  const { events } = await registry.admin.client.call(operations.listEvents, { limit: 1000 })
  return events
    .filter((event) => event.type === type && event.detail['packageName'] === name)
    .flatMap(({ detail }) => detail['files'] as readonly Told[])
}
type Told = { readonly file: string; readonly kept: From; readonly dropped: From }
type From = { readonly connection: string | null }

const wheel = (source: Source, version: string, tags = 'py3-none-any'): string =>
  `${source} ${name.replaceAll('-', '_')}-${version}-${tags}.whl`

describe('extra wheels', () => {
  it('bring nothing to a project that is published here for every machine', async () => {
    await offer('here', '1.0')
    for (const version of ['99.0', '1.0.1', '1.0.post1', '1!1.0', '1.0+cu121']) await offer('public', version, LINUX)
    for (const tags of [LINUX, MAC, '9-py3-none-any', 'py3-none-any', 'py3-none-win_amd64', 'py2.py3-none-any'])
      await offer('public', '1.0', tags, { files: { 'evil.py': '' } })
    await offer('public', '1.0', undefined, { kinds: ['sdist'] })
    await merge('extra-wheels')
    expect(await doors()).toEqual([wheel('here', '1.0')])
    expect((await page()).versions).toEqual(['1.0'])
  })

  it('of a project that was published here do not bring it back once it is deleted', async () => {
    const { call } = registry.admin.client
    const at = { domain: 'local', repository: `short-lived-${projects}` }
    await call(operations.createRepository, at)
    const built = buildWheel({ name, version: '1.0', tags: LINUX })
    await uploadPypi(registry, { name, version: '1.0', ...built }, { repository: at.repository })
    await call(operations.deleteRepository, at)
    for (const tags of [LINUX, MAC, undefined]) await offer('public', '1.0', tags)
    await merge('extra-wheels')
    for (const { path } of offered) expect((await read(path.slice(1))).status).toBe(404)
    expect((await page()).files).toEqual([])
  })

  it('are for machines that the builds from here are not for, and for no version besides', async () => {
    await offer('here', '1.0', LINUX)
    // An installer would take each of these before the one from here.
    for (const tags of [
      'cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64',
      'cp312-cp312-musllinux_1_2_x86_64',
      '1-cp312-cp312-linux_x86_64',
      'cp38-abi3-manylinux_2_28_x86_64',
      'py3-none-manylinux2014_x86_64',
      'py3-none-any',
    ])
      await offer('public', '1.0', tags)
    const extras = [MAC, WINDOWS, 'cp313-cp313-manylinux_2_28_x86_64', 'cp312-cp312-manylinux_2_28_aarch64']
    for (const tags of extras) await offer('public', '1.0', tags)
    await offer('public', '2.0', MAC)
    await offer('public', '1.0', undefined, { kinds: ['sdist'] })
    await merge('extra-wheels')
    expect(await doors()).toEqual([wheel('here', '1.0', LINUX), ...extras.map((tags) => wheel('public', '1.0', tags))])
    expect((await page()).versions).toEqual(['1.0'])
  })

  it('of a lower connection give way to those of a higher one, and to the first that has the project', async () => {
    await offer('vendor', '1.0', LINUX)
    await offer('public', '1.0.0', MAC)
    await offer('public', '1.0', LINUX, { files: { 'other.py': '' } })
    await offer('public', '2.0', LINUX)
    await merge('extra-wheels')
    expect(await doors()).toEqual([wheel('vendor', '1.0', LINUX), wheel('public', '1.0.0', MAC)])
    // The name came from upstream: somebody has to say that it may be published all the same.
    await registry.admin.client.call(operations.putPackageOriginConfiguration, {
      domain: 'local',
      repository: 'builds',
      format: 'pypi',
      package: name,
      restrictions: { publish: 'ALLOW', upstream: 'ALLOW' },
    })
    await offer('here', '1.0', WINDOWS)
    expect(await doors()).toEqual([
      wheel('vendor', '1.0', LINUX),
      wheel('public', '1.0.0', MAC),
      wheel('here', '1.0', WINDOWS),
    ])
  })

  it('do not bring up again what the deciding source took back', async () => {
    await offer('vendor', '1.0', LINUX, { yanked: 'it loses data' })
    await offer('public', '1.0', MAC)
    await merge('extra-wheels')
    const { files } = await page()
    expect(files.map(({ yanked }) => yanked).toSorted()).toEqual(['it loses data', true])
  })
})

describe('all files', () => {
  it('are those of every source, and of two with one name that of the higher; who asks hears of it once', async () => {
    await offer('here', '1.0')
    await offer('vendor', '1.0')
    await offer('vendor', '1.1')
    await offer('public', '1.0')
    await offer('public', '1.1')
    await offer('public', '1.1', undefined, { kinds: ['sdist'] })
    await offer('public', '2.0')
    await merge('all')
    const sdist = `public ${name.replaceAll('-', '_')}-1.1.tar.gz`
    const expected = [wheel('here', '1.0'), wheel('vendor', '1.1'), sdist, wheel('public', '2.0')]
    for (const _ of ['first', 'again']) expect(await doors()).toEqual(expected)
    await offer('public', '3.0')
    registry.passTime(700_000)
    expect(await doors()).toEqual([...expected, wheel('public', '3.0')])
    const dropped = await told('Merged File Dropped')
    expect(dropped.map((one) => [one.file.includes('-1.0-'), one.kept.connection, one.dropped.connection])).toEqual([
      [true, null, 'private:vendor'],
      [true, null, 'public:pypi'],
      [false, 'private:vendor', 'public:pypi'],
    ])
  })

  it('with the same bytes are one entry, and nothing to tell of', async () => {
    const same = { files: { 'same.py': '' }, summary: 'same' }
    await offer('vendor', '1.0', undefined, same)
    await offer('public', '1.0', undefined, same)
    await merge('all')
    expect((await page()).files).toHaveLength(1)
    expect(await told('Merged File Dropped')).toEqual([])
  })

  it('come with the attestations of their own source', async () => {
    await offer('vendor', '1.0', LINUX)
    await offer('public', '1.0', MAC)
    await merge('all')
    for (const { source, file } of offered) {
      const document = await read(`integrity/${name}/1.0/${file}/provenance`)
      expect([document.status, await document.json()]).toEqual([200, attested(source)])
    }
  })

  it('of all connections are gone where one of them says that the project is quarantined', async () => {
    await offer('vendor', '1.0')
    await offer('public', '2.0')
    await merge('all')
    expect(await doors()).toHaveLength(2)
    open.setStatus(name, 'quarantined', 'malware')
    registry.passTime(700_000)
    expect(await page()).toMatchObject({ files: [], 'project-status': { status: 'quarantined' } })
    expect(await doors()).toEqual([])
  })
})

describe('what is said about a name', () => {
  it('decides about what was fetched before, at every door', async () => {
    await offer('vendor', '1.0', LINUX)
    await offer('public', '1.0', MAC)
    await offer('public', '99.0')
    const vendors = wheel('vendor', '1.0', LINUX)
    const extra = wheel('public', '1.0', MAC)
    expect(await doors()).toEqual([vendors])
    await merge('all')
    expect(await doors()).toEqual([vendors, extra, wheel('public', '99.0')])
    await merge('extra-wheels')
    expect(await doors()).toEqual([vendors, extra])
    await merge('never')
    expect(await doors()).toEqual([vendors])
    await merge('all')
    expect(await doors()).toEqual([vendors, extra, wheel('public', '99.0')])
  })

  it('holds for what others fetched through a repository that has one of the sources alone', async () => {
    await offer('vendor', '1.0', LINUX)
    await offer('public', '1.0', LINUX)
    await offer('public', '1.0', MAC)
    await offer('public', '99.0', MAC)
    await merge('extra-wheels')
    for (const { path } of offered.slice(1))
      expect((await registry.fetch(`/pypi/local/pypi-store${path}`)).status, path).toBe(200)
    expect(await doors()).toEqual([wheel('vendor', '1.0', LINUX), wheel('public', '1.0', MAC)])
  })

  it('does not have files that were never the higher source’s called withdrawn there', async () => {
    await offer('vendor', '1.0', LINUX)
    await offer('public', '1.0', MAC)
    await merge('all')
    await doors()
    await offer('vendor', '2.0', LINUX)
    registry.passTime(700_000)
    expect(await doors()).toHaveLength(3)
    expect(await told('Upstream Version Withdrawn')).toEqual([])
  })

  it.each<[string, () => Promise<unknown>]>([
    ['a reserved name', async () => (name = `acme-${name}`)],
    [
      'a name that a person blocked',
      () =>
        registry.admin.client.call(operations.putPackageOriginConfiguration, {
          domain: 'local',
          repository: 'main',
          format: 'pypi',
          package: name,
          restrictions: { publish: 'ALLOW', upstream: 'BLOCK' },
        }),
    ],
  ])('tells nobody %s', async (_what, prepare) => {
    await prepare()
    for (const source of ['public', 'vendor'] as const) await offer(source, '99.0')
    for (const mode of ['extra-wheels', 'all'] as const)
      expect(await merge(mode)).toMatchObject({ asksUpstreams: false })
    vendor.requests.length = 0
    open.requests.length = 0
    for (const path of [`simple/${name}/`, `pypi/${name}/json`, ...offered.map((one) => one.path.slice(1))])
      expect((await read(path)).status, path).toBe(404)
    expect([...vendor.requests, ...open.requests]).toEqual([])
  })

  it('is heard at the repository that says it and at those that search it, unless a nearer one says otherwise', async () => {
    await offer('here', '1.0')
    await offer('public', '2.0')
    const sees = async () => (await page()).versions
    expect(await sees()).toEqual(['1.0'])
    await merge('all', 'pypi-store')
    expect(await sees()).toEqual(['1.0', '2.0'])
    expect(await merge('never', 'main')).toEqual({ mode: 'never', setIn: 'main', asksUpstreams: false })
    expect(await sees()).toEqual(['1.0'])
  })

  it('is for those to say who may set origin controls, and for formats whose versions have several files', async () => {
    const reader = await registry.createUser(`reader-${projects}`, 'reader')
    const at = { domain: 'local', repository: 'main', package: name, mode: 'all' } as const
    await expect(reader.client.call(operations.putPackageMerge, { ...at, format: 'pypi' })).rejects.toThrow(
      'is not authorized to perform codeartifact:PutPackageOriginConfiguration',
    )
    await expect(registry.admin.client.call(operations.putPackageMerge, { ...at, format: 'npm' })).rejects.toThrow(
      'Sources of npm packages cannot be merged',
    )
  })
})

describe('curation', () => {
  it('judges each file of a version by when its own source published it, fetched or not', async () => {
    const { call } = registry.admin.client
    await offer('vendor', '1.0', LINUX)
    for (const tags of [MAC, WINDOWS]) await offer('public', '1.0', tags, { uploadTime: new Date().toISOString() })
    await merge('extra-wheels')
    const [vendors, ...young] = offered
    for (const { path } of offered.slice(0, 2)) expect((await read(path.slice(1))).status).toBe(200)
    const packages = [{ format: 'pypi' as const, package: name }]
    const rule = { kind: 'minimum-age' as const, seconds: 604_800, packages }
    const { id } = await call(operations.createRule, { domain: 'local', rule })
    expect((await page()).files.map(({ filename }) => filename)).toEqual([vendors?.file])
    expect((await read(vendors?.path.slice(1) ?? '')).status).toBe(200)
    for (const { path } of young)
      for (const asked of [path.slice(1), `${path.slice(1)}.metadata`]) expect((await read(asked)).status).toBe(403)
    await call(operations.deleteRule, { domain: 'local', rule: id })
    expect(await doors()).toHaveLength(3)
  })
})

describe('a source that does not answer', () => {
  it.each(['vendor', 'public'] as const)('(%s) is not left out of what is merged', async (down) => {
    await offer('here', '1.0', LINUX)
    await offer('vendor', '1.0', MAC)
    await offer('public', '1.0', WINDOWS)
    await merge('extra-wheels')
    const upstream = down === 'vendor' ? vendor : open
    upstream.faults.on('*', { kind: 'status', status: 403 })
    for (const path of [`simple/${name}/`, ...offered.slice(1).map((one) => one.path.slice(1))])
      expect((await read(path)).status, path).toBe(502)
    // What was published here waits for nobody.
    expect((await read(offered[0]?.path.slice(1) ?? '')).status).toBe(200)
  })
})
