import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream, type PublishedNpm } from '../support/upstream/npm.ts'

// What `npm ci` asks for: tarballs that a lock file names, of packages whose documents nobody has read.

const HOUR = 3_600_000

let npmjs: NpmUpstream
let registry: TestRegistry
beforeEach(async () => {
  npmjs = await startNpmUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url })
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
})

const publish = (name: string, version: string, more = {}) =>
  npmjs.publish({ name, version, time: '2024-01-01T00:00:00.000Z', ...more })
const tarball = (name: string, version: string) =>
  registry.fetch(`/npm/local/main/${name}/-/${name.slice(name.indexOf('/') + 1)}-${version}.tgz`)
const paths = () => npmjs.requests.map(({ path }) => path)

async function expectBytes(answer: Response, { bytes }: PublishedNpm): Promise<void> {
  expect(answer.status).toBe(200)
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
}

describe('a tarball of a package whose document nobody has read', () => {
  it.each(['hello', '@acme/hello'])('comes with the manifest of its version alone: %s', async (name) => {
    await publish(name, '1.0.0')
    const published = await publish(name, '1.0.0-beta.2')
    await expectBytes(await tarball(name, '1.0.0-beta.2'), published)
    expect(paths()).toEqual([`/${name.replace('/', '%2f')}/1.0.0-beta.2`, published.path])
  })

  it('is asked for once by many at once', async () => {
    const published = await publish('hello', '1.0.0')
    const answers = await Promise.all(Array.from({ length: 50 }, () => tarball('hello', '1.0.0')))
    for (const answer of answers) await expectBytes(answer, published)
    expect(paths()).toEqual(['/hello/1.0.0', published.path])
  })

  it('is read from the document where that is here already', async () => {
    const published = await publish('hello', '1.0.0')
    await registry.fetch('/npm/local/main/hello')
    npmjs.requests.length = 0
    await expectBytes(await tarball('hello', '1.0.0'), published)
    expect(paths()).toEqual([published.path])
  })

  it.each([
    { what: 'answers 404', fault: { kind: 'status', status: 404 } },
    { what: 'answers 405', fault: { kind: 'status', status: 405 } },
    { what: 'answers 501', fault: { kind: 'status', status: 501 } },
    { what: 'shows a page for people', fault: { kind: 'html' } },
  ] as const)('comes by the document of an upstream that $what for manifests', async ({ fault }) => {
    const published = await publish('hello', '1.0.0')
    npmjs.faults.on('/hello/1.0.0', fault)
    await expectBytes(await tarball('hello', '1.0.0'), published)
    expect(paths()).toContain('/hello')
  })

  it.each([
    { what: 'another version', dist: {}, manifest: { version: '2.0.0' } },
    { what: 'no digest', dist: { integrity: null, shasum: null }, manifest: {} },
  ])('does not come by a manifest that tells of $what', async ({ dist, manifest }) => {
    await publish('hello', '1.0.0', { dist, manifest })
    await tarball('hello', '1.0.0')
    expect(paths()).toContain('/hello')
  })

  it('is refused where its bytes are not what the manifest declares', async () => {
    await publish('hello', '1.0.0', { dist: { integrity: `sha512-${Buffer.alloc(64).toString('base64')}` } })
    const answer = await tarball('hello', '1.0.0').then(
      async (response) => (await response.arrayBuffer(), response.status),
      () => 'broken off',
    )
    expect(answer).not.toBe(200)
    expect(await registry.pendingFiles()).toEqual([])
  })

  it('is not found where the upstream has no such version', async () => {
    await publish('hello', '1.0.0')
    expect((await tarball('hello', '1.0.1')).status).toBe(404)
  })

  it('needs the document where a rule asks for its age', async () => {
    await publish('hello', '1.0.0', { time: new Date(Date.now() - HOUR).toISOString() })
    const old = await publish('other', '1.0.0')
    const rule = { kind: 'minimum-age' as const, seconds: 86_400 }
    await registry.admin.client.call(operations.createRule, { domain: 'local', rule })
    expect((await tarball('hello', '1.0.0')).status).toBe(403)
    await expectBytes(await tarball('other', '1.0.0'), old)
    expect(paths()).toEqual(['/hello', '/other', old.path])
  })

  it('has its age from the document once a rule asks for it', async () => {
    const old = await publish('other', '1.0.0')
    await publish('hello', '1.0.0', { time: new Date(Date.now() - HOUR).toISOString() })
    for (const name of ['hello', 'other']) expect((await tarball(name, '1.0.0')).status).toBe(200)
    const rule = { kind: 'minimum-age' as const, seconds: 86_400 }
    await registry.admin.client.call(operations.createRule, { domain: 'local', rule })
    await expectBytes(await tarball('other', '1.0.0'), old)
    expect((await tarball('hello', '1.0.0')).status).toBe(403)
  })
})

describe('a package of which only tarballs were fetched', () => {
  type Packument = { versions: Record<string, { dist: Record<string, string>; license: string }>; 'dist-tags': object }

  it('is shown with these while the upstream is down, and said to be stale; whole once it is back', async () => {
    const published = await publish('hello', '1.0.0', { packageJson: { license: 'ISC', dependencies: { other: '1' } } })
    await publish('hello', '1.1.0')
    await publish('unseen', '1.0.0')
    await expectBytes(await tarball('hello', '1.0.0'), published)
    await npmjs.down()
    const answer = await registry.fetch('/npm/local/main/hello')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('warning')).toMatch(/^110/)
    const { versions, 'dist-tags': tags } = (await answer.json()) as Packument
    expect(tags).toEqual({ latest: '1.0.0' })
    expect(versions).toEqual({
      '1.0.0': expect.objectContaining({ license: 'ISC', dependencies: { other: '1' } }),
    })
    expect(versions['1.0.0']?.dist).toMatchObject({
      integrity: published.integrity,
      tarball: expect.stringContaining(`${registry.url}/npm/local/main/hello/-/hello-1.0.0.tgz`),
    })
    // What was never seen is no 404.
    expect((await registry.fetch('/npm/local/main/unseen')).status).toBe(502)

    await npmjs.up()
    registry.passTime(60_000)
    const whole = (await (await registry.fetch('/npm/local/main/hello')).json()) as Packument
    expect(Object.keys(whole.versions)).toEqual(['1.0.0', '1.1.0'])
  })

  it('is shown with these also where the upstream has taken it away since', async () => {
    await publish('hello', '1.0.0')
    expect((await tarball('hello', '1.0.0')).status).toBe(200)
    npmjs.unpublish('hello')
    const { versions } = (await (await registry.fetch('/npm/local/main/hello')).json()) as Packument
    expect(Object.keys(versions)).toEqual(['1.0.0'])
    expect((await tarball('hello', '1.0.0')).status).toBe(200)
  })
})
