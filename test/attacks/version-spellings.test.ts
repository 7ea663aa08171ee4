import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rulesIn } from '../support/rules.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// A version that is denied is denied however its index spells it.

let npmjs: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry
const rules = rulesIn(() => registry)

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

const deny = (format: 'npm' | 'pypi', name: string, version: string) =>
  rules.add({ kind: 'deny-list', packages: [{ format, package: name, versions: [version] }], reason: 'malware' })

describe('PyPI', () => {
  it.each([
    { denied: '1.0', offered: '1.0.0' },
    { denied: '1.0.0', offered: '1' },
    { denied: 'v1.0', offered: '1.0' },
    { denied: '1.0-rc.1', offered: '1.0.0rc1' },
    { denied: '1.0+Ubuntu-1', offered: '1.0.0+ubuntu.1' },
    { denied: '0!2.0', offered: '2.0' },
    { denied: '01.2', offered: '1.2' },
  ])('$denied denies $offered, before and after it was fetched', async ({ denied, offered }) => {
    const name = `spelled-${offered.replaceAll(/[.+]/g, '-')}-${denied.length}`
    const [file] = await pypi.publish({ name, version: offered })
    await pypi.publish({ name, version: '99.0' })
    const page = async () =>
      (await registry.fetch(`/pypi/local/main/simple/${name}/`, { headers: { accept: 'text/html' } })).text()
    const path = `/pypi/local/main${file?.path}`
    expect(await page()).toContain(file?.file)
    for (const time of ['before', 'after']) {
      await deny('pypi', name, denied)
      expect(await page(), time).not.toContain(file?.file)
      expect(await page(), time).toContain('99.0')
      const refused = await registry.fetch(path)
      expect(refused.status, time).toBe(403)
      expect(refused.statusText).toContain('malware')
      await rules.drop()
      expect((await registry.fetch(path)).status).toBe(200)
    }
  })

  it('1.0 does not deny 1.0.1, 1.0.post1, 1.0rc1 or 1.0+local', async () => {
    const name = 'spelled-otherwise'
    const others = ['1.0.1', '1.0.post1', '1.0rc1', '1.0+local']
    for (const version of others) await pypi.publish({ name, version })
    await deny('pypi', name, '1.0')
    const accept = 'application/vnd.pypi.simple.v1+json'
    const answer = await registry.fetch(`/pypi/local/main/simple/${name}/`, { headers: { accept } })
    expect(((await answer.json()) as { versions: string[] }).versions.toSorted()).toEqual(others.toSorted())
  })
})

describe('npm', () => {
  it.each([
    { denied: '1.0.0', offered: '1.0.0+build.7' },
    { denied: '1.0.0+build.7', offered: '1.0.0' },
    { denied: 'v1.0.0', offered: '1.0.0' },
    { denied: '1.0.0', offered: 'v1.0.0' },
    { denied: '1.0.0-beta.1', offered: '1.0.0-beta.1+sha.abc' },
  ])('$denied denies $offered, before and after it was fetched', async ({ denied, offered }) => {
    const name = `spelled-${denied.length}-${offered.replaceAll(/[.+]/g, '-')}`
    await npmjs.publish({ name, version: offered })
    await npmjs.publish({ name, version: '0.9.0' })
    const tarball = `/npm/local/main/${name}/-/${encodeURIComponent(`${name}-${offered}.tgz`)}`
    const versions = async () => {
      const answer = await registry.fetch(`/npm/local/main/${name}`)
      return Object.keys(((await answer.json()) as { versions: object }).versions)
    }
    expect(await versions()).toContain(offered)
    for (const time of ['before', 'after']) {
      await deny('npm', name, denied)
      expect(await versions(), time).toEqual(['0.9.0'])
      const refused = await registry.fetch(tarball)
      expect(refused.status, time).toBe(403)
      expect(await refused.text()).toContain('malware')
      await rules.drop()
      expect((await registry.fetch(tarball)).status).toBe(200)
    }
  })
})
