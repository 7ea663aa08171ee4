import { afterEach, beforeEach, expect, it } from 'vitest'
import { assembleRegistry, DOMAIN, npmPackage, type AssembledRegistry } from '../../test/support/assembled-registry.ts'
import { startNpmUpstream } from '../../test/support/upstream/npm.ts'
import { parseRepositoryName } from './names.ts'

const hello = npmPackage('hello')
const main = parseRepositoryName('main')

let registry: AssembledRegistry
beforeEach(async () => {
  registry = await assembleRegistry({ connections: {}, repositories: { team: {}, main: { upstreams: ['team'] } } })
  await registry.publish('main', hello, '1.0.0', 'first')
  await registry.publish('main', hello, '1.1.0', 'second')
})
afterEach(() => registry[Symbol.asyncDispose]())

const tags = async () => {
  const listed = await registry.store.listTags(DOMAIN, [main], 'npm', hello.key)
  return Object.fromEntries(listed.map(({ tag, version }) => [tag, version]))
}
const counter = async () =>
  (await registry.store.readRevision({ domain: DOMAIN, format: 'npm', key: hello.key, index: null })).package
const archive = async (version: string) => {
  const held = await registry.store.listVersions(DOMAIN, [main], 'npm', hello.key)
  const found = held.find((one) => one.version === version)
  const at = { domain: DOMAIN, repository: main, format: 'npm', key: hello.key, version } as const
  await registry.commit({ change: 'set-version', at, was: found?.revision ?? '', revision: 'next', status: 'Archived' })
}

it('a tag is made, moved and taken away, each told of and seen by who reads next', async () => {
  const scope = await registry.scope('main')
  const before = await counter()
  await registry.registry.putTag(scope, hello, 'beta', '1.1.0')
  await registry.registry.putTag(scope, hello, 'beta', '1.0.0')
  expect(await tags()).toEqual({ latest: '1.0.0', beta: '1.0.0' })
  await registry.registry.deleteTag(scope, hello, 'beta')
  expect(await tags()).toEqual({ latest: '1.0.0' })
  expect(await counter()).toBeGreaterThanOrEqual(before + 3)
  const events = (await registry.store.listEvents({ limit: 100 })).items
  expect(events.slice(2).map(({ detail }) => [detail['packageVersion'], detail['operationType']])).toEqual([
    ['1.1.0', 'Updated'],
    ['1.0.0', 'Updated'],
    ['1.0.0', 'Updated'],
  ])
})

it.each([
  ['a version that is not there', 'main', '9.9.9'],
  ['a version that another repository holds', 'team', '1.0.0'],
])('a tag does not point at %s', async (_, repository, version) => {
  const put = registry.registry.putTag(await registry.scope(repository), hello, 'beta', version)
  await expect(put).rejects.toMatchObject({ code: 'not_found' })
  expect(await tags()).toEqual({ latest: '1.0.0' })
})

it('one that is not there cannot be taken away', async () => {
  const gone = registry.registry.deleteTag(await registry.scope('main'), hello, 'beta')
  await expect(gone).rejects.toMatchObject({ code: 'not_found' })
})

it('a tag is not put on a version that is archived, but can be taken from one', async () => {
  const scope = await registry.scope('main')
  await registry.registry.putTag(scope, hello, 'beta', '1.1.0')
  await archive('1.1.0')
  await expect(registry.registry.putTag(scope, hello, 'next', '1.1.0')).rejects.toMatchObject({ code: 'not_found' })
  await registry.registry.deleteTag(scope, hello, 'beta')
  expect(await tags()).toEqual({ latest: '1.0.0' })
})

it('those of a package that comes from upstream are its upstream\u2019s', async () => {
  await using npm = await startNpmUpstream()
  await using drawing = await assembleRegistry({
    connections: { 'npm:public': npm.url },
    repositories: { main: { connections: ['npm:public'] } },
  })
  const { file } = await npm.publish({ name: 'hello', version: '1.0.0' })
  const scope = await drawing.scope('main')
  const { body } = await drawing.registry.openAsset(scope, hello, { file }, { deadline: drawing.clock.now() + 10_000 })
  for (let at = 0, into = Buffer.alloc(100_000); ;) {
    const read = await body.read(into, at)
    if (read === 0) break
    at += read
  }
  await body[Symbol.asyncDispose]()
  await expect(drawing.registry.putTag(scope, hello, 'beta', '1.0.0')).rejects.toMatchObject({ code: 'forbidden' })
})
