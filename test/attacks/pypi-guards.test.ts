import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startPypiUpstream, type PublishedPypi, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

// One guard stands in front of everything that is said of a PyPI project: whatever address is asked, in whatever form, the answers
// agree, and the upstream hears of no name that is none of its business.

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const PROVENANCE = { version: 1, attestation_bundles: [] }

let pypi: PypiUpstream
let registry: TestRegistry
let rule: string
/** Of each project the file that nobody may have, as the upstream offers it. */
const offered = new Map<string, PublishedPypi>()

async function offer(name: string, version: string): Promise<void> {
  const [file] = await pypi.publish({ name, version, provenance: PROVENANCE, summary: `what ${version} is` })
  if (file) offered.set(name, file)
}

async function upload(name: string, version: string, repository: string): Promise<void> {
  const built = buildWheel({ name, version })
  expect(await uploadPypi(registry, { name, version, ...built }, { repository })).toMatchObject({ status: 200 })
}

beforeAll(async () => {
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
  const { call } = registry.admin.client
  await call(operations.putReservedPrefixes, { domain: 'local', reserved: [{ format: 'pypi', prefix: 'acme-' }] })
  await call(operations.createRepository, { domain: 'local', repository: 'apart' })
  const block = { publish: 'ALLOW', upstream: 'BLOCK' } as const
  const at = { domain: 'local', repository: 'main', format: 'pypi', package: 'blocked-by-hand' } as const
  await call(operations.putPackageOriginConfiguration, { ...at, restrictions: block })
  const packages = [
    { format: 'pypi' as const, package: 'half-held', versions: ['2.0.0'] },
    { format: 'pypi' as const, package: 'all-held' },
  ]
  const deny = { kind: 'deny-list' as const, packages, reason: 'it steals keys' }
  rule = (await call(operations.createRule, { domain: 'local', rule: deny })).id
  await offer('half-held', '1.0')
  await offer('half-held', '2.0')
  await offer('all-held', '2.0')
  for (const name of ['acme-secret', 'blocked-by-hand', 'ours', 'of-a-colleague']) await offer(name, '2.0')
  await upload('ours', '1.0', 'main')
  await upload('of-a-colleague', '1.0', 'apart')
  await call(operations.createDomain, { domain: 'other' })
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

type Route = {
  readonly path: string
  readonly accept?: string
  /** What it is about: all projects, one project, or the version that is wanted. `guess`: an address at which nothing was ever promised. */
  readonly about: 'projects' | 'project' | 'version' | 'guess'
}

/** Every address at which something is said of a project, of its version 2.0 where it is one version. */
function routesOf(name: string): readonly Route[] {
  const { path = '', file = '', sha256 = '' } = offered.get(name) ?? {}
  const guesses = [
    `packages/aa/bb/${'c'.repeat(60)}/${file}`,
    `packages/sha256/${sha256}/${file}`,
    `packages/file/2.0/${file}`,
    `packages/${file}`,
  ]
  return [
    { path: 'simple/', about: 'projects' },
    { path: 'simple', accept: JSON_TYPE, about: 'projects' },
    { path: '+simple/', about: 'projects' },
    { path: `simple/${name}/`, about: 'project' },
    { path: `simple/${name}/`, accept: JSON_TYPE, about: 'project' },
    { path: `simple/${name}/?format=${encodeURIComponent(JSON_TYPE)}`, about: 'project' },
    { path: `+simple/${name}/`, about: 'project' },
    { path: `pypi/${name}/json`, about: 'project' },
    { path: `pypi/${name.toUpperCase().replace('-', '_')}/json/`, about: 'project' },
    { path: `${name}/json`, about: 'project' },
    { path: `simple/pypi/${name}/json`, about: 'project' },
    { path: `pypi/${name}/2.0/json`, about: 'version' },
    { path: `pypi/${name}/v2.0.0/json/`, about: 'version' },
    { path: path.slice(1), about: 'version' },
    { path: `${path.slice(1)}.metadata`, about: 'version' },
    { path: `integrity/${name}/2.0/${file}/provenance`, about: 'version' },
    { path: `integrity/${name}/2.0.0/${file}/provenance`, about: 'version' },
    ...guesses
      .flatMap((guess) => [guess, `${guess}.metadata`])
      .map((guess) => ({ path: guess, about: 'guess' }) as const),
  ]
}

type Told = Route & { readonly status: number; readonly text: string; readonly reason: string }

async function askAll(
  name: string,
  token: string | null = registry.token,
  between: () => void = () => {},
): Promise<readonly Told[]> {
  const told: Told[] = []
  for (const route of routesOf(name)) {
    between()
    for (const more of [{}, { 'cache-control': 'no-cache' }]) {
      const headers = { ...(route.accept && { accept: route.accept }), ...more }
      const address = `/pypi/local/main/${route.path}`
      const got = await registry.fetch(address, { token, headers })
      const text = await got.text()
      const head = await registry.fetch(address, { token, headers, method: 'HEAD' })
      expect(head.status, `HEAD ${route.path}`).toBe(got.status)
      told.push({ ...route, status: got.status, text, reason: got.statusText })
    }
  }
  return told
}

/** Statuses by what was asked about, each once. */
const statuses = (told: readonly Told[]) =>
  Object.fromEntries(
    [...Map.groupBy(told, ({ about }) => about)].map(([about, all]) => [
      about,
      [...new Set(all.map(({ status }) => status))],
    ]),
  )

async function heard(work: () => Promise<readonly Told[]>) {
  pypi.requests.length = 0
  const told = await work()
  return { told, paths: [...new Set(pypi.requests.map(({ path }) => path))] }
}

const names = (told: readonly Told[], about: Route['about']) => told.filter((one) => one.about === about)

describe('a version that is held back', () => {
  it('is in nothing that is said of its project, and is refused with the reason by itself', async () => {
    const { told, paths } = await heard(() => askAll('half-held'))
    expect(statuses(told)).toEqual({ projects: [200], project: [200], version: [403], guess: [404] })
    for (const { path, text } of names(told, 'project')) {
      expect(text, path).toContain('half_held-1.0-py3-none-any.whl')
      expect(text, path).not.toMatch(/2\.0/)
    }
    for (const { path, text, reason } of names(told, 'version')) {
      expect(text, path).toMatch(new RegExp(`half-held 2\\.0 is held back: it steals keys.*\\(rule ${rule}\\)`))
      expect(reason, path).toContain('it steals keys')
    }
    // Its page, and what goes with the version that is not held.
    expect(paths.toSorted()).toEqual(['/pypi/half-held/1.0/json', '/simple/half-held/'])
  })

  it('is as much held back after its bytes came here', async () => {
    const { call } = registry.admin.client
    await call(operations.deleteRule, { domain: 'local', rule })
    const { path = '' } = offered.get('half-held') ?? {}
    for (const one of [path, `${path}.metadata`]) {
      const got = await registry.fetch(`/pypi/local/main${one}`)
      expect(got.status).toBe(200)
      await got.arrayBuffer()
    }
    const packages = [
      { format: 'pypi' as const, package: 'half-held', versions: ['2.0.0'] },
      { format: 'pypi' as const, package: 'all-held' },
    ]
    const deny = { kind: 'deny-list' as const, packages, reason: 'it steals keys' }
    rule = (await call(operations.createRule, { domain: 'local', rule: deny })).id
    const told = await askAll('half-held')
    expect(statuses(told)).toEqual({ projects: [200], project: [200], version: [403], guess: [404] })
    // All that is here of it is held.
    for (const { text } of names(told, 'projects')) expect(text).not.toContain('half-held')
  })
})

describe('a project that is held back', () => {
  it('is refused with the reason at every address of it', async () => {
    const { told, paths } = await heard(() => askAll('all-held'))
    expect(statuses(told)).toEqual({ projects: [200], project: [403], version: [403], guess: [404] })
    for (const { path, text } of [...names(told, 'project'), ...names(told, 'version')])
      expect(text, path).toContain('it steals keys')
    for (const { text } of names(told, 'projects')) expect(text).not.toContain('all-held')
    expect(paths).toEqual(['/simple/all-held/'])
  })
})

describe('a name that is none of the upstream’s business', () => {
  it.each([
    ['is reserved', 'acme-secret'],
    ['was blocked by a person', 'blocked-by-hand'],
    ['belongs to another repository of the domain', 'of-a-colleague'],
  ])('because it %s does not exist at any address, and the upstream hears nothing', async (_why, name) => {
    const { told, paths } = await heard(() => askAll(name))
    expect(statuses(told)).toEqual({ projects: [200], project: [404], version: [404], guess: [404] })
    for (const { text } of names(told, 'projects')) expect(text).not.toContain(name)
    expect(paths).toEqual([])
  })

  it('because it is published here has its own version at every address, and no other', async () => {
    const { told, paths } = await heard(() => askAll('ours'))
    expect(statuses(told)).toEqual({ projects: [200], project: [200], version: [404], guess: [404] })
    for (const { path, text } of names(told, 'project')) {
      expect(text, path).toContain('ours-1.0-py3-none-any.whl')
      expect(text, path).not.toMatch(/2\.0/)
    }
    for (const { text } of names(told, 'projects')) expect(text).toMatch(/\bours\b/)
    expect(paths).toEqual([])
  })
})

describe('somebody who may not read the repository', () => {
  const NAMES = ['half-held', 'acme-secret', 'ours']

  it.each<[string, () => Promise<string | null>, number]>([
    ['is told to log in without a token', async () => null, 401],
    [
      'is refused without rights',
      async () => (await registry.createUser('nobody', { statements: [DENY_ALL] })).token(),
      403,
    ],
    ['is refused with a token of another domain', () => registry.admin.token('other'), 403],
  ])('%s, at every address alike, and no upstream is asked', async (_what, tokenOf, status) => {
    const token = await tokenOf()
    const { told, paths } = await heard(async () =>
      (await Promise.all(NAMES.map((name) => askAll(name, token)))).flat(),
    )
    expect([...new Set(told.map((one) => one.status))]).toEqual([status])
    for (const { text } of told) expect(text).not.toMatch(/\.whl|held back|1\.0/)
    expect(paths).toEqual([])
  })

  it('with a token that was revoked is told to log in, at every address alike', async () => {
    const token = await revokedToken()
    // Whoever fails too often has to wait a minute.
    const { told, paths } = await heard(() => askAll('ours', token, () => registry.passTime(61_000)))
    expect([...new Set(told.map((one) => one.status))]).toEqual([401])
    for (const { text } of told) expect(text).not.toMatch(/\.whl|1\.0/)
    expect(paths).toEqual([])
  })
})

const DENY_ALL = {
  Effect: 'Allow',
  Action: ['codeartifact:GetAuthorizationToken', 'sts:GetServiceBearerToken'],
  Resource: '*',
}

async function revokedToken(): Promise<string> {
  const user = await registry.createUser('gone', 'administrator')
  const token = await user.token()
  await registry.admin.client.call(operations.revokeAccessKey, {
    account: '000000000000',
    user: 'gone',
    key: user.key.accessKeyId,
  })
  return token
}
