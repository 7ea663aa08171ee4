import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import type { Fault } from '../support/upstream/faults.ts'
import { startPypiUpstream, type PublishedPypi, type PypiUpstream } from '../support/upstream/pypi.ts'

// Two indexes behind one repository, in order. The first that has a name has it for all versions, at every address of it; one that cannot
// be asked is never skipped, for what the next one offers under the name may be somebody else's.

const PROVENANCE = { version: 1, attestation_bundles: [] }

let first: PypiUpstream
let second: PypiUpstream
let registry: TestRegistry

beforeEach(async () => {
  first = await startPypiUpstream()
  second = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: second.url })
  const { call } = registry.admin.client
  const at = { domain: 'local', repository: 'first-store' }
  await call(operations.createConnection, { name: 'private:first', format: 'pypi', url: first.url })
  await call(operations.createRepository, at)
  await call(operations.associateExternalConnection, { ...at, externalConnection: 'private:first' })
  const upstreams = ['first-store', 'npm-store', 'pypi-store'].map((repositoryName) => ({ repositoryName }))
  await call(operations.updateRepository, { domain: 'local', repository: 'main', upstreams })
})
afterEach(async () => {
  for (const one of [registry, first, second]) await one[Symbol.asyncDispose]()
})

async function publish(at: PypiUpstream, name: string, version: string): Promise<PublishedPypi> {
  const summary = at === first ? 'of the first' : 'of the second'
  const [file] = await at.publish({ name, version, summary, provenance: PROVENANCE })
  if (!file) throw new Error('nothing was published')
  return file
}

const addressesOf = (name: string, version: string, { path, file }: PublishedPypi) => ({
  project: [
    `/simple/${name}/`,
    `/simple/${name}/?format=application/vnd.pypi.simple.v1%2Bjson`,
    `/pypi/${name}/json`,
    `/${name}/json`,
  ],
  version: [
    `/pypi/${name}/${version}/json`,
    path,
    `${path}.metadata`,
    `/integrity/${name}/${version}/${file}/provenance`,
  ],
})

async function get(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await registry.fetch(`/pypi/local/main${path}`, { token: await registry.admin.token() })
  return { status: answer.status, text: await answer.text() }
}

describe('two indexes that have a name', () => {
  it('are one for whoever asks: the first, whatever versions the second has', async () => {
    const ours = await publish(first, 'shared', '1.0')
    const theirs = await publish(second, 'shared', '99.0')
    const good = addressesOf('shared', '1.0', ours)
    const bad = addressesOf('shared', '99.0', theirs)
    for (const path of good.project) {
      const { status, text } = await get(path)
      expect(status, path).toBe(200)
      expect(text, path).toContain('shared-1.0')
      expect(text, path).not.toMatch(/99\.0|of the second/)
    }
    for (const path of good.version) expect((await get(path)).status, path).toBe(200)
    for (const path of bad.version) expect((await get(path)).status, path).toBe(404)
    expect(second.requests).toEqual([])
  })

  it('are asked one after the other, each for what it alone has', async () => {
    const file = await publish(second, 'only-there', '1.0')
    const { project, version } = addressesOf('only-there', '1.0', file)
    for (const path of [...project, ...version]) expect((await get(path)).status, path).toBe(200)
    expect((await get('/pypi/only-there/json')).text).toContain('of the second')
    expect([...new Set(first.requests.map(({ path }) => path))]).toEqual(['/simple/only-there/'])
  })
})

describe('an index that may not be asked for a name', () => {
  it('hears of it at no address, though it has it', async () => {
    const file = await publish(first, 'kept-to-ourselves', '1.0')
    const changes = { connection: 'private:first', except: ['kept-to-ourselves'] }
    await registry.admin.client.call(operations.updateConnection, changes)
    const { project, version } = addressesOf('kept-to-ourselves', '1.0', file)
    for (const path of [...project, ...version]) expect((await get(path)).status, path).toBe(404)
    expect(first.requests).toEqual([])
  })
})

describe('a first index that cannot be asked', () => {
  it.each<[string, Fault]>([
    ['fails', { kind: 'status', status: 503 }],
    ['refuses', { kind: 'status', status: 403 }],
    ['shows a page for people', { kind: 'html' }],
  ])('and that %s is an outage at every address, and the second hears nothing', async (_how, fault) => {
    const theirs = await publish(second, 'shared', '99.0')
    first.faults.on('*', fault)
    const { project, version } = addressesOf('shared', '99.0', theirs)
    for (const path of [...project, ...version]) {
      const { status, text } = await get(path)
      expect([502, 504], `${path} ${text}`).toContain(status)
      expect(text, path).not.toContain('of the second')
    }
    expect(second.requests).toEqual([])
  })

  it('but that was asked before answers with what it said, at every address', async () => {
    const ours = await publish(first, 'shared', '1.0')
    await publish(second, 'shared', '99.0')
    const { project, version } = addressesOf('shared', '1.0', ours)
    for (const path of [...project, ...version]) expect((await get(path)).status, path).toBe(200)
    await first.down()
    registry.passTime(3_600_000)
    for (const path of [...project, ...version]) {
      const { status, text } = await get(path)
      expect(status, path).toBe(200)
      expect(text, path).not.toMatch(/99\.0|of the second/)
    }
    expect((await get('/pypi/shared/json')).text).toContain('of the first')
    expect(second.requests).toEqual([])
  })
})
