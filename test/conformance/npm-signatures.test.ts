import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { npmPublishBody, publishNpm } from '../support/npm-publish.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { attest, createSigner } from '../support/upstream/npm-signing.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'

// What `npm audit` and `npm audit signatures` ask for, and pnpm's.

const MINUTE = 60_000

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

/** With a token of now: time passes here. */
const get = async (path: string, init: Parameters<TestRegistry['fetch']>[1] = {}, repository = 'main') =>
  registry.fetch(`/npm/local/${repository}/${path}`, { token: await registry.admin.token(), ...init })

const KEYS = '-/npm/v1/keys'
const attestations = (spec: string) => `-/npm/v1/attestations/${spec}`

type Dist = {
  readonly integrity: string
  readonly signatures?: readonly { readonly keyid: string; readonly sig: string }[]
  readonly attestations?: { readonly url: string; readonly provenance: object }
}
type Keys = { readonly keys: readonly { readonly keyid: string; readonly key: string }[] }

describe('keys', () => {
  it('are the upstream’s, asked for once by many at once, and told from a copy by their ETag', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => get(KEYS)))
    for (const answer of answers) {
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(await answer.json()).toEqual({ keys: [npmjs.signer.publicKey] })
    }
    expect(npmjs.countOf('/-/npm/v1/keys')).toBe(1)
    const etag = answers[0]?.headers.get('etag') ?? ''
    const same = await get(KEYS, { headers: { 'if-none-match': etag } })
    expect([same.status, await same.text()]).toEqual([304, ''])
    const head = await get(KEYS, { method: 'HEAD' })
    expect([head.status, head.headers.get('etag')]).toEqual([200, etag])
  })

  it('stay for as long as an upstream is gone, and are said to be stale', async () => {
    expect((await get(KEYS)).status).toBe(200)
    await npmjs.down()
    for (const passed of [20 * MINUTE, 72 * 60 * MINUTE]) {
      registry.passTime(passed)
      const stale = await get(KEYS, { headers: { 'cache-control': 'no-cache' } })
      expect(stale.status).toBe(200)
      expect(stale.headers.get('warning')).toMatch(/^110/)
      expect(await stale.json()).toEqual({ keys: [npmjs.signer.publicKey] })
    }
  })

  it.each([
    ['refuses connections', async () => npmjs.down()],
    ['answers 503', async () => npmjs.faults.on('/-/npm/v1/keys', { kind: 'status', status: 503 })],
    ['answers 403', async () => npmjs.faults.on('/-/npm/v1/keys', { kind: 'status', status: 403 })],
  ])('are not said to be missing where an upstream that never gave them %s', async (_how, fail) => {
    await fail()
    const answer = await get(KEYS)
    expect(answer.status).toBe(502)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it.each([400, 404, 405, 501])('are missing where the upstream has none and says so by a %i', async (status) => {
    npmjs.faults.on('/-/npm/v1/keys', { kind: 'status', status })
    expect((await get(KEYS)).status).toBe(404)
    expect((await get(KEYS)).status).toBe(404)
    expect(npmjs.countOf('/-/npm/v1/keys')).toBe(1)
  })

  it('are missing where nothing comes from upstream, and are nowhere but below a repository', async () => {
    await registry.admin.client.call(operations.createRepository, { domain: 'local', repository: 'private' })
    expect((await get(KEYS, {}, 'private')).status).toBe(404)
    expect((await registry.fetch(`/${KEYS}`)).status).toBe(404)
    expect((await registry.fetch(`/${attestations('hello@1.0.0')}`)).status).toBe(404)
    expect(npmjs.requests).toEqual([])
  })

  it('of several upstreams are one list, in which the first upstream’s word counts', async () => {
    await using partner = await startNpmUpstream()
    const { call } = registry.admin.client
    await call(operations.createConnection, { name: 'partner:npm', format: 'npm', url: partner.url })
    await call(operations.createRepository, { domain: 'local', repository: 'both' })
    const associate = (externalConnection: string) =>
      call(operations.associateExternalConnection, { domain: 'local', repository: 'both', externalConnection })
    await associate('partner:npm')
    await call(operations.updateRepository, {
      domain: 'local',
      repository: 'both',
      upstreams: [{ repositoryName: 'npm-store' }],
    })
    const shown = (await (await get(KEYS, {}, 'both')).json()) as Keys
    expect(shown.keys).toEqual([partner.signer.publicKey, npmjs.signer.publicKey])
    expect((await (await get(KEYS)).json()) as Keys).toEqual({ keys: [npmjs.signer.publicKey] })
  })
})

describe('signatures', () => {
  it.each(['hello', '@acme/hello'])('of %s verify with the keys, in every document about it', async (name) => {
    const { integrity } = await npmjs.publish({ name, version: '1.0.0', attested: true })
    const escaped = name.replace('/', '%2f')
    const { keys } = (await (await get(KEYS)).json()) as Keys
    const dists = await Promise.all(
      ['application/json', 'application/vnd.npm.install-v1+json'].map(async (accept) => {
        const document = (await (await get(escaped, { headers: { accept } })).json()) as {
          versions: Record<string, { dist: Dist }>
        }
        return document.versions['1.0.0']?.dist
      }),
    )
    const alone = (await (await get(`${escaped}/1.0.0`)).json()) as { dist: Dist }
    for (const dist of [...dists, alone.dist]) {
      expect(dist).toMatchObject({ integrity, fileCount: 2, unpackedSize: expect.any(Number) })
      for (const { keyid, sig } of dist?.signatures ?? []) {
        const key = Buffer.from(keys.find((one) => one.keyid === keyid)?.key ?? '', 'base64')
        const publicKey = createPublicKey({ key, format: 'der', type: 'spki' })
        const message = Buffer.from(`${name}@1.0.0:${dist?.integrity}`)
        expect(verify('sha256', message, publicKey, Buffer.from(sig, 'base64'))).toBe(true)
      }
      expect(dist?.signatures).toHaveLength(1)
      expect(dist?.attestations).toEqual({
        url: `${registry.url}/npm/local/main/${attestations(`${escaped}@1.0.0`)}`,
        provenance: { predicateType: expect.any(String) },
      })
    }
  })

  it('that a publisher claims are left out: they are a registry’s to give', async () => {
    const dist = { signatures: [{ keyid: 'SHA256:x', sig: 'x' }], attestations: { url: 'https://evil.example/' } }
    expect(await publishNpm(registry, { name: 'claims', version: '1.0.0', dist })).toMatchObject({ status: 201 })
    const manifest = (await (await get('claims/1.0.0')).json()) as { dist: Dist }
    expect(Object.keys(manifest.dist)).not.toContain('signatures')
    expect(Object.keys(manifest.dist)).not.toContain('attestations')
  })
})

describe('attestations', () => {
  const upstreamBytes = async (spec: string) =>
    Buffer.from(await (await fetch(`${npmjs.origin}/${attestations(spec)}`)).arrayBuffer())
  const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())

  it('come byte by byte as the upstream has them, by every spelling that clients have for the address', async () => {
    await npmjs.publish({ name: '@acme/hello', version: '1.0.0', attested: true })
    const bytes = await upstreamBytes('@acme%2fhello@1.0.0')
    npmjs.requests.length = 0
    const spellings = [
      attestations('@acme%2fhello@1.0.0'),
      attestations('@acme%2Fhello@1.0.0'),
      attestations('@acme/hello@1.0.0'),
      attestations('%40acme%2fhello%401.0.0'),
      // npm 10: the path of the address behind the registry's own.
      `npm/local/main/${attestations('@acme%2fhello@1.0.0')}`,
    ]
    for (const path of spellings) {
      const answer = await get(path)
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 200, 'application/json'])
      expect(await bytesOf(answer)).toEqual(bytes)
    }
    expect(npmjs.requests.map(({ path }) => path)).toEqual([
      '/@acme%2fhello',
      `/${attestations('@acme%2fhello@1.0.0')}`,
    ])
  })

  it('are asked for once by many at once; that there are none is remembered for a minute', async () => {
    await npmjs.publish({ name: 'hello', version: '1.0.0', attested: true })
    await npmjs.publish({ name: 'plain', version: '1.0.0' })
    const specs = ['hello@1.0.0', 'plain@1.0.0']
    const statuses = async (spec: string) => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get(attestations(spec))))
      return [...new Set(answers.map(({ status }) => status))]
    }
    expect(await Promise.all(specs.map(statuses))).toEqual([[200], [404]])
    expect((await get(attestations('plain@1.0.0'))).status).toBe(404)
    expect(specs.map((spec) => npmjs.countOf(`/${attestations(spec)}`))).toEqual([1, 1])
    registry.passTime(2 * MINUTE)
    expect((await get(attestations('plain@1.0.0'))).status).toBe(404)
    expect(npmjs.countOf(`/${attestations('plain@1.0.0')}`)).toBe(2)
  })

  it('stay while the upstream is gone; what never was here is not said to be missing', async () => {
    await npmjs.publish({ name: 'hello', version: '1.0.0', attested: true })
    await npmjs.publish({ name: 'other', version: '1.0.0', attested: true })
    const bytes = await upstreamBytes('hello@1.0.0')
    expect((await get(attestations('hello@1.0.0'))).status).toBe(200)
    expect((await get('other')).status).toBe(200)
    await npmjs.down()
    registry.passTime(20 * MINUTE)
    const stale = await get(attestations('hello@1.0.0'), { headers: { 'cache-control': 'no-cache' } })
    expect([stale.status, stale.headers.has('warning')]).toEqual([200, true])
    expect(await bytesOf(stale)).toEqual(bytes)
    for (const spec of ['other@1.0.0', 'never-seen@1.0.0', 'hello@9.9.9'])
      expect((await get(attestations(spec))).status, spec).toBe(502)
  })

  it('stay with a version that was fetched, also where its upstream denies it', async () => {
    const { file } = await npmjs.publish({ name: 'hello', version: '1.0.0', attested: true })
    expect((await get(`hello/-/${file}`)).status).toBe(200)
    const first = await bytesOf(await get(attestations('hello@1.0.0')))
    npmjs.unpublish('hello')
    npmjs.faults.on(/attestations/, { kind: 'status', status: 404 })
    registry.passTime(20 * MINUTE)
    for (const headers of [{}, { 'cache-control': 'no-cache' }]) {
      const answer = await get(attestations('hello@1.0.0'), { headers })
      expect(answer.status).toBe(200)
      expect(await bytesOf(answer)).toEqual(first)
    }
  })

  it('of versions that do not exist are asked of nobody', async () => {
    await npmjs.publish({ name: 'hello', version: '1.0.0', attested: true })
    for (const spec of ['hello@2.0.0', 'missing@1.0.0', 'hello@latest', 'hello@', '@1.0.0', 'hello'])
      expect((await get(attestations(spec))).status, spec).toBe(404)
    expect(npmjs.countOf(/attestations/)).toBe(0)
  })

  it('of a version that is held back are held back with it', async () => {
    await npmjs.publish({ name: 'hello', version: '1.0.0', attested: true })
    const rule = {
      kind: 'deny-list',
      packages: [{ format: 'npm', package: 'hello' }],
      reason: 'it is not ours',
    } as const
    await registry.admin.client.call(operations.createRule, {
      domain: 'local',
      rule: { ...rule, packages: [...rule.packages] },
    })
    const answer = await get(attestations('hello@1.0.0'))
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('it is not ours')
    expect(npmjs.countOf(/attestations/)).toBe(0)
  })

  it('that came with a publish are served from here, and nobody else is asked', async () => {
    const { bundle, predicateType } = attest(createSigner(), {
      name: '@acme/proven',
      version: '1.0.0',
      bytes: randomBytes(10),
    })
    const { body } = await npmPublishBody({ name: '@acme/proven', version: '1.0.0' })
    const data = JSON.stringify(bundle)
    Object.assign(body['_attachments'] as object, {
      '@acme/proven-1.0.0.sigstore': { content_type: bundle.mediaType, data, length: data.length },
    })
    const published = await get('@acme%2fproven', { method: 'PUT', body: JSON.stringify(body) })
    expect(published.status).toBe(201)
    const answer = await get(attestations('@acme%2fproven@1.0.0'))
    expect(await answer.json()).toEqual({ attestations: [{ predicateType, bundle }] })

    expect(await publishNpm(registry, { name: 'unproven', version: '1.0.0' })).toMatchObject({ status: 201 })
    expect((await get(attestations('unproven@1.0.0'))).status).toBe(404)
    expect(npmjs.requests).toEqual([])
  })
})

describe('advisories', () => {
  const ADVISORIES = '-/npm/v1/security/advisories/bulk'
  const advisory = { id: 1, title: 'Too friendly', severity: 'high', vulnerable_versions: '<2.0.0' }
  const ask = (
    question: unknown,
    more: { body?: string | Buffer; headers?: Record<string, string> } = {},
    repository?: string,
  ) =>
    get(
      ADVISORIES,
      {
        method: 'POST',
        body: (more.body ?? JSON.stringify(question)) as string,
        headers: { 'content-type': 'application/json', ...more.headers },
      },
      repository,
    )
  const told = () => npmjs.requests.map(({ body }) => JSON.parse(body.toString() || '{}') as object)

  it('come from upstream, for a question that is compressed as npm’s', async () => {
    npmjs.advisories.set('hello', [advisory])
    const question = { hello: ['1.0.0'], '@types/node': ['24.0.0', '20.0.0'] }
    const answer = await ask(null, {
      body: gzipSync(JSON.stringify(question)),
      headers: { 'content-encoding': 'gzip' },
    })
    expect([answer.status, answer.headers.get('npm-notice')]).toEqual([200, null])
    expect(await answer.json()).toEqual({ hello: [advisory] })
    expect(told()).toEqual([question])
    expect(npmjs.requests[0]?.headers['authorization']).toBeUndefined()
  })

  it('are asked about no name that belongs to the domain, and the answer says how many those were', async () => {
    const { call } = registry.admin.client
    await call(operations.putReservedPrefixes, { domain: 'local', reserved: [{ format: 'npm', prefix: '@acme/' }] })
    expect(await publishNpm(registry, { name: 'published-here', version: '1.0.0' })).toMatchObject({ status: 201 })
    const restrictions = { publish: 'ALLOW', upstream: 'BLOCK' } as const
    const at = { domain: 'local', repository: 'main', format: 'npm', package: 'blocked' } as const
    await call(operations.putPackageOriginConfiguration, { ...at, restrictions })
    npmjs.advisories.set('hello', [advisory]).set('@acme/secret', [advisory])
    const names = ['hello', '@acme/secret', 'published-here', 'blocked']
    const answer = await ask(Object.fromEntries(names.map((name) => [name, ['1.0.0']])))
    expect(await answer.json()).toEqual({ hello: [advisory] })
    expect(answer.headers.get('npm-notice')).toContain('3 of 4 packages were not audited')
    expect(told()).toEqual([{ hello: ['1.0.0'] }])
    const onlyOurs = await ask({ '@acme/secret': ['1.0.0'] })
    expect(await onlyOurs.json()).toEqual({})
    expect(onlyOurs.headers.get('npm-notice')).toContain('1 of 1 packages were not audited')
    expect(npmjs.requests).toHaveLength(1)
  })

  it('of a package are asked of the upstream that has it, and of no other', async () => {
    await using partner = await startNpmUpstream()
    const { call } = registry.admin.client
    await call(operations.createConnection, { name: 'partner:npm', format: 'npm', url: partner.url })
    await call(operations.createRepository, { domain: 'local', repository: 'partners' })
    await call(operations.associateExternalConnection, {
      domain: 'local',
      repository: 'partners',
      externalConnection: 'partner:npm',
    })
    await call(operations.createRepository, {
      domain: 'local',
      repository: 'both',
      upstreams: [{ repositoryName: 'partners' }, { repositoryName: 'npm-store' }],
    })
    await partner.publish({ name: 'of-the-partner', version: '1.0.0' })
    await npmjs.publish({ name: 'hello', version: '1.0.0' })
    for (const name of ['of-the-partner', 'hello']) expect((await get(name, {}, 'both')).status).toBe(200)
    npmjs.requests.length = partner.requests.length = 0
    npmjs.advisories.set('hello', [advisory])
    partner.faults.on(`/${ADVISORIES}`, { kind: 'status', status: 404 })
    const answer = await ask({ 'of-the-partner': ['1.0.0'], hello: ['1.0.0'] }, {}, 'both')
    expect(await answer.json()).toEqual({ hello: [advisory] })
    expect(answer.headers.get('npm-notice')).toContain('1 come from a registry that answers no audits')
    expect(told()).toEqual([{ hello: ['1.0.0'] }])
    expect(JSON.parse(partner.requests[0]?.body.toString() ?? '')).toEqual({ 'of-the-partner': ['1.0.0'] })
  })

  it.each([
    ['404', 404],
    ['400', 404],
    ['405', 404],
    ['501', 404],
    ['503', 502],
    ['401', 502],
    ['html', 502],
    ['hang', 504],
  ])('are never made up: of an upstream that answers %s it is a %i', async (how, status) => {
    const fault = how === 'html' || how === 'hang' ? { kind: how } : { kind: 'status', status: Number(how) }
    npmjs.faults.on(`/${ADVISORIES}`, fault as never)
    const answer = await ask({ hello: ['1.0.0'] })
    expect(answer.status).toBe(status)
    expect(((await answer.json()) as { error: string }).error).toBeTypeOf('string')
    // Packages come all the same, and nothing was asked twice.
    await npmjs.publish({ name: 'hello', version: '1.0.0' })
    expect((await get('hello')).status).toBe(200)
    expect(npmjs.countOf(`/${ADVISORIES}`)).toBe(1)
  })

  it.each([
    ['no JSON', 'hello', 400],
    ['a list', '[]', 400],
    ['versions that are none', '{"hello":[1]}', 400],
    ['a version that is no list', '{"hello":"1.0.0"}', 400],
    ['more than is read', `{"hello":["${'1'.repeat(5_000_000)}"]}`, 413],
    [
      'too many packages',
      JSON.stringify(Object.fromEntries(Array.from({ length: 20_001 }, (_, at) => [`p${at}`, []]))),
      413,
    ],
  ])('are not asked for %s', async (_what, body, status) => {
    expect((await ask(null, { body })).status).toBe(status)
    expect(npmjs.requests).toEqual([])
  })

  it('are not to be had where nothing comes from upstream', async () => {
    await registry.admin.client.call(operations.createRepository, { domain: 'local', repository: 'private' })
    expect((await ask({ hello: ['1.0.0'] }, {}, 'private')).status).toBe(404)
  })
})
