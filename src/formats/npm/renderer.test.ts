import { describe, expect, it } from 'vitest'
import type { CurationRule } from '../../registry/curation.ts'
import type { PackageVersion } from '../../registry/model.ts'
import { displayName, parseDomainName, parseRepositoryName } from '../../registry/names.ts'
import type { RenderInput } from '../format.ts'
import { parseNpmName } from './name.ts'
import { readIndex, readModel, render } from './renderer.ts'

const ENDPOINT = 'http://127.0.0.1:8787/npm/local/main/'
const NAME = parseNpmName('@acme/hello')
const SHA512 = Buffer.alloc(64, 7)
const SHA1 = 'ab'.repeat(20)

const manifest = (version: string, more: object = {}) => ({
  name: '@acme/hello',
  version,
  description: `hello ${version}`,
  license: 'MIT',
  dependencies: { a: '^1.0.0' },
  dist: {
    integrity: `sha512-${SHA512.toString('base64')}`,
    shasum: SHA1,
    tarball: `http://upstream.example/@acme/hello/-/hello-${version}.tgz`,
    signatures: [{ keyid: 'k', sig: 's' }],
  },
  ...more,
})

const TIME = {
  created: '2024-01-01T00:00:00.000Z',
  modified: '2024-03-01T00:00:00.000Z',
  '1.0.0': '2024-01-01T00:00:00.000Z',
  '1.1.0': '2024-02-01T00:00:00.000Z',
  '2.0.0-rc.1': '2024-03-01T00:00:00.000Z',
  '0.9.0': '2023-01-01T00:00:00.000Z',
}

const PACKUMENT = {
  _id: '@acme/hello',
  _rev: '7-upstream',
  name: '@acme/hello',
  'dist-tags': { latest: '1.1.0', next: '2.0.0-rc.1' },
  versions: {
    '1.0.0': manifest('1.0.0', { deprecated: 'old', scripts: { postinstall: 'x' } }),
    '1.1.0': manifest('1.1.0'),
    '2.0.0-rc.1': manifest('2.0.0-rc.1', { license: undefined, licenses: [{ type: 'ISC' }] }),
  },
  time: TIME,
  maintainers: [{ name: 'upstream' }],
  readme: '# hello',
}

function indexOf(packument: unknown, only: readonly string[] | null = null): NonNullable<RenderInput['index']> {
  const body = Buffer.from(JSON.stringify(packument))
  const { facts, document } = readIndex(
    { body, contentType: 'application/json', url: 'http://upstream.example/', headers: {} },
    NAME,
  )
  return { model: readModel(document, NAME), facts, only }
}

const input = (form: string, more: Partial<RenderInput> = {}): RenderInput => ({
  name: NAME,
  form,
  endpoint: ENDPOINT,
  index: null,
  hosted: [],
  tags: [],
  rules: [],
  now: Date.parse('2026-01-01T00:00:00Z'),
  ...more,
})

function documentOf(wanted: RenderInput) {
  const rendered = render(wanted)
  if (rendered.kind === 'refused') throw new Error(rendered.message)
  return { ...rendered, json: JSON.parse(Buffer.from(rendered.body).toString()) as Record<string, never> }
}

const deny = (...versions: string[]): CurationRule => ({
  id: 'no-worms',
  domain: 'local',
  repository: null,
  rule: { kind: 'deny-list', packages: [{ format: 'npm', package: 'acme/hello', versions }], reason: 'it is a worm' },
})

const hosted = (version: string, more: Partial<PackageVersion> = {}): PackageVersion => ({
  domain: parseDomainName('local'),
  repository: parseRepositoryName('main'),
  format: 'npm',
  key: NAME.key,
  version,
  status: 'Published',
  revision: `revision-of-${version}`,
  origin: 'INTERNAL',
  entryPoint: 'main',
  createdAt: 1,
  publishedAt: Date.parse('2025-05-05T05:05:05Z'),
  license: 'MIT',
  metadata: JSON.stringify({
    ...manifest(version),
    _bundles: { 'x.sigstore': 'secret' },
    readme: `# ours ${version}`,
    dist: { integrity: `sha512-${SHA512.toString('base64')}`, shasum: SHA1 },
  }),
  assets: [],
  ...more,
})

describe('reading an index', () => {
  it('gives the facts of each version', () => {
    const { facts } = indexOf(PACKUMENT)
    expect(facts.versions).toEqual([
      { version: '1.0.0', publishedAt: Date.parse(TIME['1.0.0']), license: 'MIT', discouraged: true },
      { version: '1.1.0', publishedAt: Date.parse(TIME['1.1.0']), license: 'MIT' },
      { version: '2.0.0-rc.1', publishedAt: Date.parse(TIME['2.0.0-rc.1']), license: 'ISC' },
    ])
    expect(facts.files[0]).toEqual({
      file: 'hello-1.0.0.tgz',
      version: '1.0.0',
      url: 'http://upstream.example/@acme/hello/-/hello-1.0.0.tgz',
      path: null,
      digests: { sha512: SHA512.toString('hex'), sha1: SHA1 },
      size: null,
      publishedAt: Date.parse(TIME['1.0.0']),
      sideCar: null,
    })
  })

  it('leaves out what is no version or has no tarball, and forgives missing times', () => {
    const versions = {
      '1.0.0': manifest('1.0.0'),
      nonsense: manifest('1.0.0'),
      '1.0.1': manifest('1.0.1', { dist: {} }),
      '1.0.2': manifest('1.0.2', { dist: { tarball: '/relative.tgz' } }),
      '1.0.3': null,
      '1.0.4': 'text',
    }
    const text = JSON.stringify({ name: '@acme/hello', versions }).replace('"nonsense"', '"__proto__"')
    const { facts } = readIndex({ body: Buffer.from(text), contentType: '', url: '', headers: {} }, NAME)
    expect(facts.versions).toEqual([{ version: '1.0.0', publishedAt: null, license: 'MIT' }])
    expect(facts.files).toHaveLength(1)
  })

  it.each([
    ['an error page', '<html>'],
    ['an array', '[]'],
    ['null', 'null'],
    ['another package', JSON.stringify({ ...PACKUMENT, name: '@acme/other' })],
    ['another spelling', JSON.stringify({ ...PACKUMENT, name: '@acme/Hello' })],
    ['no versions', JSON.stringify({ name: '@acme/hello' })],
    ['versions that are none', JSON.stringify({ name: '@acme/hello', versions: ['1.0.0'] })],
  ])('refuses %s', (_, text) => {
    const fetched = { body: Buffer.from(text), contentType: '', url: '', headers: {} }
    expect(() => readIndex(fetched, NAME)).toThrow(expect.objectContaining({ code: 'upstream_down' }))
  })

  it('understands that all versions were withdrawn', () => {
    const index = indexOf({ name: '@acme/hello', time: { unpublished: { name: 'x' } } })
    expect(index.facts.versions).toEqual([])
    expect(render(input('full', { index }))).toMatchObject({ kind: 'refused', code: 'not_found' })
  })
})

describe('a proxied package', () => {
  const index = indexOf(PACKUMENT)
  const tarball = (version: string) => `${ENDPOINT}@acme/hello/-/hello-${version}.tgz`

  it('is shown in full as its upstream has it, but for the tarballs', () => {
    const { json, contentType, expiresAt, notice, lastModified } = documentOf(input('full', { index }))
    const expected = structuredClone(PACKUMENT) as unknown as {
      versions: Record<string, { dist: { tarball: string } }>
    }
    for (const [version, { dist }] of Object.entries(expected.versions)) dist.tarball = tarball(version)
    expect(json).toEqual(JSON.parse(JSON.stringify(expected)))
    expect({ contentType, expiresAt, notice }).toEqual({
      contentType: 'application/json',
      expiresAt: null,
      notice: null,
    })
    expect(lastModified).toBe(Date.parse(TIME.modified))
  })

  it('is abbreviated', () => {
    const { json, contentType } = documentOf(input('abbreviated', { index }))
    const dist = (version: string) => ({ ...manifest(version).dist, tarball: tarball(version) })
    const short = (version: string) => ({
      name: '@acme/hello',
      version,
      dependencies: { a: '^1.0.0' },
      dist: dist(version),
    })
    const { '0.9.0': _withdrawn, ...time } = TIME
    expect(contentType).toBe('application/vnd.npm.install-v1+json')
    expect(json).toEqual({
      name: '@acme/hello',
      modified: TIME.modified,
      'dist-tags': PACKUMENT['dist-tags'],
      time,
      versions: {
        '1.0.0': { ...short('1.0.0'), deprecated: 'old', hasInstallScript: true },
        '1.1.0': short('1.1.0'),
        '2.0.0-rc.1': short('2.0.0-rc.1'),
      },
    })
  })

  it.each([
    ['1.0.0', '1.0.0'],
    ['latest', '1.1.0'],
    ['next', '2.0.0-rc.1'],
  ])('has a version at %s', (wanted, version) => {
    const { json } = documentOf(input(`version:${wanted}`, { index }))
    expect(json).toMatchObject({ version, dist: { tarball: tarball(version), signatures: [{ keyid: 'k', sig: 's' }] } })
  })

  it.each(['9.9.9', 'nope', 'constructor', '__proto__', '^1.0.0', ''])('has nothing at %j', (wanted) => {
    expect(render(input(`version:${wanted}`, { index }))).toMatchObject({ kind: 'refused', code: 'not_found' })
  })

  it('gives its tags', () => {
    expect(documentOf(input('tags', { index })).json).toEqual(PACKUMENT['dist-tags'])
  })

  it('is cut down to what was kept', () => {
    const { json } = documentOf(input('abbreviated', { index: indexOf(PACKUMENT, ['1.0.0']) }))
    expect(Object.keys(json['versions'] ?? {})).toEqual(['1.0.0'])
    expect(json).toMatchObject({ 'dist-tags': { latest: '1.0.0' } })
    expect(Object.keys(json['time'] ?? {})).toEqual(['created', 'modified', '1.0.0'])
  })

  it.each(['full', 'abbreviated', 'tags', 'version:latest'])('is %s in the same bytes each time', (form) => {
    const first = documentOf(input(form, { index })).body
    for (let other = 0; other < 6; other++) indexOf({ ...PACKUMENT, other })
    expect(Buffer.from(documentOf(input(form, { index: indexOf(PACKUMENT) })).body).equals(first)).toBe(true)
  })

  it('survives hostile keys', () => {
    const text = JSON.stringify({ ...PACKUMENT, 'dist-tags': { latest: '1.1.0', evil: '1.0.0', odd: 5 } })
      .replaceAll('"evil"', '"__proto__"')
      .replace('"0.9.0"', '"__proto__"')
    const { json } = documentOf(input('full', { index: indexOf(JSON.parse(text)) }))
    expect(Object.entries(json['dist-tags'] ?? {})).toContainEqual(['__proto__', '1.0.0'])
    expect(({} as Record<string, unknown>)['latest']).toBeUndefined()
  })
})

describe('versions that are held back', () => {
  const index = indexOf(PACKUMENT)
  const rules = [deny('1.1.0', '2.0.0-rc.1')]

  it.each(['full', 'abbreviated'])('are left out of the %s document and listed with the reason', (form) => {
    const { json, notice, lastModified } = documentOf(input(form, { index, rules }))
    expect(Object.keys(json['versions'] ?? {})).toEqual(['1.0.0'])
    expect(json['time']).not.toHaveProperty('1.1.0')
    expect(json['dist-tags']).toEqual({ latest: '1.0.0' })
    expect(json['policyRestrictions']).toEqual({
      message: 'Versions of @acme/hello are held back here: 2.0.0-rc.1, 1.1.0: it is a worm (rule no-worms)',
      versions: {
        '1.1.0': { name: '@acme/hello', version: '1.1.0' },
        '2.0.0-rc.1': { name: '@acme/hello', version: '2.0.0-rc.1' },
      },
    })
    expect(notice).toBe('2 versions of @acme/hello held back: it is a worm')
    expect(lastModified).toBeNull()
  })

  it.each([
    ['1.1.0', '1.1.0'],
    ['next', '2.0.0-rc.1'],
  ])('are refused with the reason at %s', (wanted, version) => {
    expect(render(input(`version:${wanted}`, { index, rules }))).toEqual({
      kind: 'refused',
      code: 'held',
      message: `@acme/hello ${version} is held back: it is a worm (rule no-worms)`,
    })
  })

  it('do not stand in the way of latest', () => {
    expect(documentOf(input('version:latest', { index, rules })).json).toMatchObject({ version: '1.0.0' })
  })

  it.each(['full', 'abbreviated', 'tags', 'version:latest'])('refuse %s where nothing else is left', (form) => {
    expect(render(input(form, { index, rules: [deny()] }))).toEqual({
      kind: 'refused',
      code: 'held',
      message: 'Versions of @acme/hello are held back here: 2.0.0-rc.1, 1.1.0, 1.0.0: it is a worm (rule no-worms)',
    })
  })

  it('keep what the upstream restricts itself', () => {
    const policyRestrictions = { message: 'theirs', versions: { '0.1.0': { version: '0.1.0' } } }
    const restricted = indexOf({ ...PACKUMENT, policyRestrictions })
    expect(documentOf(input('abbreviated', { index: restricted })).json).toMatchObject({ policyRestrictions })
    const both = documentOf(input('abbreviated', { index: restricted, rules })).json['policyRestrictions']
    expect(Object.keys(both?.['versions'] ?? {})).toEqual(['0.1.0', '1.1.0', '2.0.0-rc.1'])
  })
})

describe('a package that is published here', () => {
  const versions = [hosted('1.0.0'), hosted('1.1.0', { publishedAt: Date.parse('2025-06-06T06:06:06Z') })]
  const tags = [{ tag: 'latest', version: '1.1.0' }]

  it('has a whole document of its own', () => {
    const { json, lastModified } = documentOf(input('full', { hosted: versions, tags }))
    const published = (version: string) => ({
      ...manifest(version),
      dist: {
        integrity: `sha512-${SHA512.toString('base64')}`,
        shasum: SHA1,
        tarball: `${ENDPOINT}@acme/hello/-/hello-${version}.tgz`,
      },
    })
    expect(json).toEqual({
      _id: '@acme/hello',
      _rev: expect.stringMatching(/^2-[0-9a-f]{32}$/),
      name: '@acme/hello',
      description: 'hello 1.1.0',
      license: 'MIT',
      readme: '# ours 1.1.0',
      'dist-tags': { latest: '1.1.0' },
      versions: { '1.0.0': published('1.0.0'), '1.1.0': published('1.1.0') },
      time: {
        created: '2025-05-05T05:05:05.000Z',
        modified: '2025-06-06T06:06:06.000Z',
        '1.0.0': '2025-05-05T05:05:05.000Z',
        '1.1.0': '2025-06-06T06:06:06.000Z',
      },
    })
    expect(lastModified).toBeNull()
  })

  it('has a _rev that moves with every write', () => {
    const revOf = (more: Partial<RenderInput>) => documentOf(input('full', more)).json['_rev']
    const rev = revOf({ hosted: versions, tags })
    expect(revOf({ hosted: versions, tags })).toBe(rev)
    expect(revOf({ hosted: versions, tags: [...tags, { tag: 'beta', version: '1.0.0' }] })).not.toBe(rev)
    expect(revOf({ hosted: [hosted('1.0.0', { revision: 'other' }), ...versions.slice(1)], tags })).not.toBe(rev)
  })

  it.each(['full', 'abbreviated', 'version:1.0.0'])('keeps to itself what is ours in %s', (form) => {
    expect(Buffer.from(documentOf(input(form, { hosted: versions, tags })).body).toString()).not.toMatch(
      /_bundles|secret/,
    )
  })

  it('is abbreviated with its times', () => {
    const { json } = documentOf(input('abbreviated', { hosted: versions, tags }))
    expect(json).toMatchObject({ modified: '2025-06-06T06:06:06.000Z', time: { created: '2025-05-05T05:05:05.000Z' } })
    expect(json).not.toHaveProperty('_rev')
    expect(json['versions']?.['1.0.0']).not.toHaveProperty('readme')
  })

  it('gets its digests from its file where the manifest has none', () => {
    const asset = { digests: { sha256: 'c'.repeat(64), sha512: SHA512.toString('hex'), sha1: SHA1 } }
    const bare = hosted('3.0.0', { metadata: null, assets: [asset] as unknown as PackageVersion['assets'] })
    const { json } = documentOf(input('version:3.0.0', { hosted: [bare] }))
    expect(json).toEqual({
      name: '@acme/hello',
      version: '3.0.0',
      dist: {
        integrity: `sha512-${SHA512.toString('base64')}`,
        shasum: SHA1,
        tarball: `${ENDPOINT}${displayName(NAME)}/-/hello-3.0.0.tgz`,
      },
    })
  })

  it('wins over the same version of an index, and owns its tags', () => {
    const index = indexOf(PACKUMENT)
    const { json } = documentOf(
      input('full', { index, hosted: versions.slice(0, 1), tags: [{ tag: 'latest', version: '1.0.0' }] }),
    )
    expect(json['dist-tags']).toEqual({ latest: '1.0.0' })
    expect(Object.keys(json['versions'] ?? {})).toEqual(['1.1.0', '2.0.0-rc.1', '1.0.0'])
    expect(json['versions']?.['1.0.0']).not.toHaveProperty('deprecated')
    expect(json['time']).toMatchObject({
      '1.0.0': '2025-05-05T05:05:05.000Z',
      '1.1.0': TIME['1.1.0'],
      created: TIME.created,
    })
  })

  it('shows the first repository that has a version or a tag', () => {
    const other = parseRepositoryName('other')
    const twice = [
      hosted('1.0.0'),
      hosted('1.0.0', { repository: other, metadata: JSON.stringify({ description: 'second' }) }),
    ]
    const { json } = documentOf(
      input('full', {
        hosted: twice,
        tags: [
          { tag: 'x', version: '1.0.0' },
          { tag: 'x', version: '9.9.9' },
        ],
      }),
    )
    expect(json['versions']?.['1.0.0']).toMatchObject({ description: 'hello 1.0.0' })
    expect(json['dist-tags']).toEqual({ latest: '1.0.0', x: '1.0.0' })
  })
})
