import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

// Dependency confusion: names that belong to the domain, and what the public registries offer under them.

let npmjs: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  npmjs = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url })
  const { call } = registry.admin.client
  const reserved = [
    { format: 'npm', prefix: '@acme/' },
    { format: 'npm', prefix: 'acme-' },
    { format: 'pypi', prefix: 'acme-' },
  ] as const
  await call(operations.putReservedPrefixes, { domain: 'local', reserved: [...reserved] })
  const block = { publish: 'ALLOW', upstream: 'BLOCK' } as const
  for (const format of ['npm', 'pypi'] as const) {
    const at = { domain: 'local', repository: 'main', format, package: 'blocked-by-hand' }
    await call(operations.putPackageOriginConfiguration, { ...at, restrictions: block })
  }
  for (const name of ['@acme/secret', 'acme-secret', 'blocked-by-hand'])
    await npmjs.publish({ name, version: '99.0.0' })
  for (const name of ['acme-secret', 'blocked-by-hand']) await pypi.publish({ name, version: '99.0.0' })
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

/** What the upstreams were asked meanwhile. */
async function askedDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  npmjs.requests.length = 0
  pypi.requests.length = 0
  await work()
  return [...npmjs.requests, ...pypi.requests].map(({ path }) => path)
}

const npmPaths = (name: string, file: string): readonly string[] => [
  name,
  `${name}/99.0.0`,
  `${name}/latest`,
  `${name}/-/${file}-99.0.0.tgz`,
  `-/package/${name}/dist-tags`,
]
const pypiPaths = (name: string): readonly string[] => {
  const stem = name.replaceAll('-', '_')
  const files = [`${stem}-99.0.0-py3-none-any.whl`, `${stem}-99.0.0-py3-none-any.whl.metadata`, `${name}-99.0.0.tar.gz`]
  return [
    `simple/${name}/`,
    `simple/${name}/?format=application/vnd.pypi.simple.v1%2Bjson`,
    ...files.map((file) => `packages/aa/bb/${'c'.repeat(60)}/${file}`),
  ]
}

describe('names that nobody outside may hear of', () => {
  it.each([
    ['of a reserved scope', 'npm', npmPaths('@acme%2fsecret', 'secret')],
    ['with a reserved beginning', 'npm', npmPaths('acme-secret', 'acme-secret')],
    ['that a person blocked', 'npm', npmPaths('blocked-by-hand', 'blocked-by-hand')],
    ['with a reserved beginning', 'pypi', pypiPaths('acme-secret')],
    [
      'that is spelled otherwise',
      'pypi',
      pypiPaths('acme-secret').map((path) => path.replace('acme_secret', 'ACME.secret')),
    ],
    ['that a person blocked', 'pypi', pypiPaths('blocked-by-hand')],
  ])('P-30 a name %s (%s) is not found, and no upstream is asked', async (_what, format, paths) => {
    const asked = await askedDuring(async () => {
      for (const path of paths) {
        for (const headers of [{}, { 'cache-control': 'no-cache' }]) {
          const response = await registry.fetch(`/${format}/local/main/${path}`, { headers })
          expect(response.status, path).toBe(404)
        }
      }
    })
    expect(asked).toEqual([])
  })

  it('P-30 the look-up of a publisher does not tell the name', async () => {
    const asked = await askedDuring(async () => {
      const headers = { 'npm-command': 'publish' }
      const lookUp = await registry.fetch('/npm/local/main/brand-new-idea', { headers })
      expect(lookUp.status).toBe(404)
      expect(await publishNpm(registry, { name: 'brand-new-idea', version: '1.0.0' })).toMatchObject({ status: 201 })
      const wheel = buildWheel({ name: 'brand-new-idea', version: '1.0.0' })
      expect(await uploadPypi(registry, { name: 'brand-new-idea', version: '1.0.0', ...wheel })).toMatchObject({
        status: 200,
      })
    })
    expect(asked).toEqual([])
  })

  it('P-30 a name that was published in one repository is asked for through none of the domain, nor after it is deleted', async () => {
    const { call } = registry.admin.client
    await call(operations.createRepository, { domain: 'local', repository: 'short-lived' })
    const [name, project] = ['was-ours', 'was-ours']
    await publishNpm(registry, { name, version: '1.0.0' }, { repository: 'short-lived' })
    const wheel = buildWheel({ name: project, version: '1.0.0' })
    await uploadPypi(registry, { name: project, version: '1.0.0', ...wheel }, { repository: 'short-lived' })
    await npmjs.publish({ name, version: '99.0.0' })
    await pypi.publish({ name: project, version: '99.0.0' })
    const asked = await askedDuring(async () => {
      for (const isDeleted of [false, true]) {
        if (isDeleted) await call(operations.deleteRepository, { domain: 'local', repository: 'short-lived' })
        for (const repository of ['main', 'npm-store', 'pypi-store']) {
          expect((await registry.fetch(`/npm/local/${repository}/${name}`)).status).toBe(404)
          expect((await registry.fetch(`/pypi/local/${repository}/simple/${project}/`)).status).toBe(404)
        }
      }
    })
    expect(asked).toEqual([])
  })
})

describe('names that exist on both sides', () => {
  it('P-31 an npm package of the domain shows its own versions, and only those', async () => {
    await publishNpm(registry, { name: 'utils-of-ours', version: '1.0.0' })
    await npmjs.publish({ name: 'utils-of-ours', version: '99.0.0' })
    for (const accept of ['application/json', 'application/vnd.npm.install-v1+json']) {
      const response = await registry.fetch('/npm/local/main/utils-of-ours', { headers: { accept } })
      const shown = (await response.json()) as { versions: object; 'dist-tags': object }
      expect(Object.keys(shown.versions)).toEqual(['1.0.0'])
      expect(shown['dist-tags']).toEqual({ latest: '1.0.0' })
    }
    expect((await registry.fetch('/npm/local/main/utils-of-ours/-/utils-of-ours-99.0.0.tgz')).status).toBe(404)
    expect((await registry.fetch('/npm/local/main/utils-of-ours/99.0.0')).status).toBe(404)
  })

  it('P-31 a PyPI project neither, in both of its forms', async () => {
    const wheel = buildWheel({ name: 'utils-of-ours', version: '1.0.0' })
    await uploadPypi(registry, { name: 'utils-of-ours', version: '1.0.0', ...wheel })
    const [evil] = await pypi.publish({ name: 'utils-of-ours', version: '99.0.0' })
    for (const accept of ['text/html', 'application/vnd.pypi.simple.v1+json']) {
      const page = await (
        await registry.fetch('/pypi/local/main/simple/utils-of-ours/', { headers: { accept } })
      ).text()
      expect(page).toContain('1.0.0')
      expect(page).not.toContain('99.0.0')
    }
    expect((await registry.fetch(`/pypi/local/main${evil?.path}`)).status).toBe(404)
  })

  it('P-31 a name that was seen from upstream first and is then published here is ours from then on', async () => {
    await npmjs.publish({ name: 'late-claim', version: '99.0.0' })
    // Looked at, but nothing of it fetched: it is nobody's yet.
    expect((await registry.fetch('/npm/local/main/late-claim')).status).toBe(200)
    expect(await publishNpm(registry, { name: 'late-claim', version: '1.0.0' })).toMatchObject({ status: 201 })
    const shown = (await (await registry.fetch('/npm/local/main/late-claim')).json()) as { versions: object }
    expect(Object.keys(shown.versions)).toEqual(['1.0.0'])
  })

  it('P-32 a package whose versions were fetched from upstream cannot be published over', async () => {
    const { file } = await npmjs.publish({ name: 'from-outside', version: '1.0.0' })
    expect((await registry.fetch(`/npm/local/main/from-outside/-/${file}`)).status).toBe(200)
    const [wheel] = await pypi.publish({ name: 'from-outside', version: '1.0.0' })
    expect((await registry.fetch(`/pypi/local/main${wheel?.path}`)).status).toBe(200)
    for (const version of ['1.0.0', '2.0.0']) {
      const refused = await publishNpm(registry, { name: 'from-outside', version, files: { 'evil.js': 'evil()' } })
      expect(refused).toMatchObject({ status: 403, error: expect.stringContaining('origin controls') })
      const built = buildWheel({ name: 'from-outside', version, files: { 'evil.py': 'EVIL = 1\n' } })
      const upload = await uploadPypi(registry, { name: 'from-outside', version, ...built })
      expect(upload).toMatchObject({ status: 403, text: expect.stringContaining('origin controls') })
    }
    expect(await registry.versionEvents('from-outside')).toHaveLength(4) // npm and PyPI, each retained in two repositories
  })

  it('P-32 where both sides are allowed, a version that upstream has is taken', async () => {
    const at = { domain: 'local', repository: 'main', format: 'npm', package: 'both-sides' } as const
    const restrictions = { publish: 'ALLOW', upstream: 'ALLOW' } as const
    await registry.admin.client.call(operations.putPackageOriginConfiguration, { ...at, restrictions })
    await npmjs.publish({ name: 'both-sides', version: '1.0.0' })
    expect((await registry.fetch('/npm/local/main/both-sides')).status).toBe(200)
    expect(await publishNpm(registry, { name: 'both-sides', version: '1.0.0' })).toMatchObject({ status: 409 })
    expect(await publishNpm(registry, { name: 'both-sides', version: '1.0.1' })).toMatchObject({ status: 201 })
  })
})
