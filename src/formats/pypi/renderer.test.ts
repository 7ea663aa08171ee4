import { describe, expect, it } from 'vitest'
import type { CurationRule } from '../../policy/curation/rule.ts'
import type { Asset, PackageVersion } from '../../registry/model.ts'
import type { DomainName, RepositoryName } from '../../registry/names.ts'
import type { RenderInput } from '../format.ts'
import { parseName } from './name.ts'
import { readDocument } from './read-index.ts'
import { readIndex, render } from './renderer.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const C = 'c'.repeat(64)
const hello = parseName('hello', null)
const ENDPOINT = 'https://granary.example/pypi/local/main/'
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'

type File = Record<string, unknown>
function indexOf(
  files: readonly File[],
  more: Record<string, unknown> = {},
  only: readonly string[] | null = null,
): RenderInput['index'] {
  const body = Buffer.from(
    JSON.stringify({ meta: { 'api-version': '1.4', '_last-serial': 7 }, name: 'hello', files, ...more }),
  )
  const { facts, document } = readIndex(
    { body, contentType: JSON_TYPE, url: 'https://index.example/simple/hello/', headers: {} },
    hello,
  )
  return { id: A, document, facts, only }
}

function hosted(version: string, assets: readonly Partial<Asset>[], repository = 'main'): PackageVersion {
  return {
    domain: 'local' as DomainName,
    repository: repository as RepositoryName,
    format: 'pypi',
    key: hello.key,
    version,
    status: 'Published',
    revision: 'r',
    origin: 'INTERNAL',
    entryPoint: repository,
    createdAt: 0,
    publishedAt: 0,
    license: null,
    metadata: null,
    assets: assets.map((asset) => ({
      file: `hello-${version}.tar.gz`,
      size: 5,
      digests: { sha256: C },
      createdAt: Date.parse('2024-03-01T00:00:00Z'),
      path: null,
      sideCar: null,
      metadata: null,
      ...asset,
    })),
  }
}

const denying = (...versions: string[]): CurationRule => ({
  id: 'no-bugs',
  domain: 'local',
  repository: null,
  rule: { kind: 'deny-list', packages: [{ format: 'pypi', package: 'hello', versions }], reason: 'it has a bug' },
})

const input = (parts: Partial<RenderInput>): RenderInput => ({
  name: hello,
  form: 'json',
  endpoint: ENDPOINT,
  index: null,
  hosted: [],
  tags: [],
  rules: [],
  now: 0,
  ...parts,
})

function page(parts: Partial<RenderInput>) {
  const rendered = render(input(parts))
  if (rendered.kind !== 'document') throw new Error(rendered.message)
  return { ...rendered, text: Buffer.from(rendered.body).toString() }
}
type JsonPage = {
  meta: Record<string, unknown>
  files: { filename: string; url: string }[]
  versions: string[]
} & Record<string, unknown>
const json = (parts: Partial<RenderInput>): JsonPage => JSON.parse(page(parts).text) as JsonPage

const WHEEL: File = {
  filename: 'hello-1.0+cu-py3-none-any.whl',
  url: 'https://files.example/packages/aa/bb/rest/hello-1.0%2Bcu-py3-none-any.whl',
  hashes: { sha256: A },
  'requires-python': '>=3.8,<4',
  size: 1234,
  'upload-time': '2024-01-01T00:00:00.000000Z',
  yanked: 'see "1.1" & <later>',
  'core-metadata': { sha256: B },
  provenance: 'https://index.example/provenance',
}
const SDIST: File = {
  filename: 'hello-0.9.tar.gz',
  url: 'https://cdn.example/x/hello-0.9.tar.gz',
  hashes: { sha256: B },
  size: 9,
}

describe('metadata that is known here', () => {
  const file = (more: File = {}) => ({
    filename: 'hello-1.0-py3-none-any.whl',
    url: '/1',
    hashes: { sha256: A },
    ...more,
  })
  const known = { file: 'hello-1.0-py3-none-any.whl', sha256: C, size: 5, derivedFrom: A }
  const advertised = (given: File, sideCars: readonly (typeof known)[]) => {
    const index = indexOf([given])
    const rendered = render({
      name: hello,
      form: 'json',
      endpoint: ENDPOINT,
      index: index && { ...index, sideCars },
      hosted: [],
      tags: [],
      rules: [],
      now: 0,
    })
    if (rendered.kind !== 'document') throw new Error(rendered.message)
    return (JSON.parse(Buffer.from(rendered.body).toString()) as { files: File[] }).files[0]?.['core-metadata']
  }

  it.each([
    ['is advertised where the index has none', file(), [known], { sha256: C }],
    ['is not, where it is of other bytes', file(), [{ ...known, derivedFrom: B }], false],
    ['is not, where it is of another file', file(), [{ ...known, file: 'hello-1.0-py2-none-any.whl' }], false],
    ["gives way to the index's own", file({ 'core-metadata': { sha256: B } }), [known], { sha256: B }],
    ['is missing where nothing is known', file(), [], false],
  ])('%s', (_what, given, sideCars, expected) => {
    expect(advertised(given, sideCars)).toEqual(expected)
  })
})

describe('pages', () => {
  it('in JSON', () => {
    const { text, contentType, expiresAt } = page({
      index: indexOf([WHEEL, SDIST], { 'project-status': { status: 'archived' } }),
    })
    expect(contentType).toBe(JSON_TYPE)
    expect(expiresAt).toBeNull()
    expect(JSON.parse(text)).toEqual({
      meta: { '_last-serial': 7, 'api-version': '1.4' },
      name: 'hello',
      files: [
        {
          'core-metadata': false,
          'data-dist-info-metadata': false,
          filename: 'hello-0.9.tar.gz',
          hashes: { sha256: B },
          size: 9,
          url: `${ENDPOINT}packages/sha256/${B}/hello-0.9.tar.gz`,
          yanked: false,
        },
        {
          'core-metadata': { sha256: B },
          'data-dist-info-metadata': { sha256: B },
          filename: 'hello-1.0+cu-py3-none-any.whl',
          hashes: { sha256: A },
          provenance: 'https://index.example/provenance',
          'requires-python': '>=3.8,<4',
          size: 1234,
          'upload-time': '2024-01-01T00:00:00.000000Z',
          url: `${ENDPOINT}packages/aa/bb/rest/hello-1.0%2Bcu-py3-none-any.whl`,
          yanked: 'see "1.1" & <later>',
        },
      ],
      versions: ['0.9', '1.0+cu'],
      'project-status': { status: 'archived' },
    })
    expect(text).not.toContain('"dist-info-metadata"')
  })

  it('in HTML', () => {
    const { text, contentType } = page({
      form: 'html',
      index: indexOf([WHEEL, SDIST], { 'project-status': { status: 'archived', reason: 'a "b"' } }),
    })
    expect(contentType).toBe('text/html; charset=utf-8')
    expect(text).toBe(`<!DOCTYPE html>
<html>
  <head>
    <meta name="pypi:repository-version" content="1.4">
    <meta name="pypi:project-status" content="archived">
    <meta name="pypi:project-status-reason" content="a &quot;b&quot;">
    <title>Links for hello</title>
  </head>
  <body>
    <h1>Links for hello</h1>
<a href="${ENDPOINT}packages/sha256/${B}/hello-0.9.tar.gz#sha256=${B}" data-size="9">hello-0.9.tar.gz</a><br />
<a href="${ENDPOINT}packages/aa/bb/rest/hello-1.0%2Bcu-py3-none-any.whl#sha256=${A}" data-requires-python="&gt;=3.8,&lt;4" data-dist-info-metadata="sha256=${B}" data-core-metadata="sha256=${B}" data-yanked="see &quot;1.1&quot; &amp; &lt;later&gt;" data-provenance="https://index.example/provenance" data-size="1234" data-upload-time="2024-01-01T00:00:00.000000Z">hello-1.0+cu-py3-none-any.whl</a><br />
  </body>
</html>
<!--SERIAL 7-->
`)
  })

  it('in HTML under its own type', () => {
    expect(page({ form: 'html-v1', index: indexOf([SDIST]) }).contentType).toBe(
      'application/vnd.pypi.simple.v1+html; charset=utf-8',
    )
  })

  it.each([
    ['json', JSON_TYPE],
    ['html', 'text/html'],
  ])('come back from %s as they were', (form, contentType) => {
    const index = indexOf([
      WHEEL,
      SDIST,
      { ...SDIST, filename: 'hello-0.8.zip', url: 'hello-0.8.zip', hashes: {}, size: 3, yanked: true },
    ])
    const { body } = page({ form, index })
    const again = readIndex({ body, contentType, url: `${ENDPOINT}simple/hello/`, headers: {} }, hello)
    const sorted = (files: readonly { filename: string }[]) =>
      files.toSorted((a, b) => (a.filename < b.filename ? -1 : 1))
    const before = readDocument(index?.document ?? Buffer.from('{}')).files.map(({ url: _url, ...file }) => file)
    const after = readDocument(again.document).files.map(({ url: _url, ...file }) => file)
    expect(sorted(after)).toEqual(sorted(before))
    expect(again.facts.files.map((file) => file.path).toSorted()).toEqual(
      index?.facts.files.map((file) => file.path).toSorted(),
    )
    expect(again.facts.serial).toBe(7)
  })

  it('name no host but this one', () => {
    const index = indexOf([{ ...WHEEL, provenance: null }, SDIST])
    for (const form of ['json', 'html'])
      expect(page({ form, index }).text).not.toMatch(/files\.example|cdn\.example|index\.example/)
  })

  it('claim version 1.0 where a size is missing', () => {
    expect(json({ index: indexOf([{ ...SDIST, size: undefined }]) }).meta['api-version']).toBe('1.0')
    expect(json({ index: indexOf([]) }).meta['api-version']).toBe('1.4')
  })

  it('stand in the order of versions, then of file names', () => {
    const names = [
      'hello-1.10.tar.gz',
      'hello-1.9.tar.gz',
      'hello-1.9-py3-none-any.whl',
      'hello-1.9rc1.tar.gz',
      'hello-trunk.zip',
    ]
    const files = names.map((filename) => ({ filename, url: filename, hashes: {} }))
    const listed = json({ index: indexOf(files, { versions: ['2.0', '1.10'] }) })
    expect(listed.files.map((file) => file.filename)).toEqual([
      'hello-trunk.zip',
      'hello-1.9rc1.tar.gz',
      'hello-1.9-py3-none-any.whl',
      'hello-1.9.tar.gz',
      'hello-1.10.tar.gz',
    ])
    expect(listed.versions).toEqual(['trunk', '1.9rc1', '1.9', '1.10', '2.0'])
  })
})

describe('hosted files', () => {
  it('are listed with all that was kept of them', () => {
    const version = hosted('1.0', [
      {
        file: 'hello-1.0-py3-none-any.whl',
        path: `packages/sha256/${C}/hello-1.0-py3-none-any.whl`,
        digests: { sha256: C, md5: 'd'.repeat(32), blake2b: A },
        sideCar: { sha256: B, size: 1 },
        metadata: '{"requiresPython":">=3.9"}',
      },
    ])
    expect(json({ hosted: [version] })).toMatchObject({
      meta: { 'api-version': '1.4' },
      versions: ['1.0'],
      files: [
        {
          filename: 'hello-1.0-py3-none-any.whl',
          url: `${ENDPOINT}packages/sha256/${C}/hello-1.0-py3-none-any.whl`,
          hashes: { sha256: C, md5: 'd'.repeat(32) },
          'core-metadata': { sha256: B },
          'requires-python': '>=3.9',
          'upload-time': '2024-03-01T00:00:00.000Z',
          size: 5,
          yanked: false,
        },
      ],
    })
  })

  it("win over the index's of the same name, and stand beside its others", () => {
    const listed = json({
      index: indexOf([{ ...SDIST, filename: 'hello-1.0.tar.gz', url: 'hello-1.0.tar.gz' }, WHEEL]),
      hosted: [hosted('1.0', [{}])],
    })
    expect(listed.files).toMatchObject([
      { filename: 'hello-1.0.tar.gz', hashes: { sha256: C } },
      { filename: WHEEL['filename'] },
    ])
  })

  it('of the first repository stand before an equal version of another', () => {
    const behind = hosted('1.0.0', [{ file: 'hello-1.0.0-py3-none-any.whl' }], 'store')
    const listed = json({ hosted: [hosted('1.0', [{}]), behind, hosted('2.0', [{}], 'store')] })
    expect(listed.files.map((file) => file.filename)).toEqual(['hello-1.0.tar.gz', 'hello-2.0.tar.gz'])
    expect(listed.versions).toEqual(['1.0', '2.0'])
  })
})

describe('held versions', () => {
  const index = indexOf([WHEEL, SDIST], { versions: ['0.8', '0.9', '1.0+cu'] })

  it.each(['json', 'html'])('are in no part of a page in %s', (form) => {
    const { text } = page({ form, index, rules: [denying('1.0+cu', '0.8')] })
    expect(text).toContain('hello-0.9.tar.gz')
    expect(text).not.toContain('1.0+cu')
    expect(text).not.toContain('1.0%2Bcu')
    expect(text).not.toContain('0.8')
  })

  it('hide hosted files too, and do not bring back what those stand before', () => {
    const own = hosted('0.9', [{}])
    expect(json({ index, hosted: [own], rules: [denying('0.9')] }).files.map((file) => file.filename)).toEqual([
      WHEEL['filename'],
    ])
  })

  it('leave a refusal with the reasons where nothing else is left', () => {
    expect(render(input({ index, rules: [denying()] }))).toEqual({
      kind: 'refused',
      code: 'held',
      message: 'hello is held back, all of its 3 versions: it has a bug (rule no-bugs)',
    })
  })
})

describe('what was kept of an index', () => {
  it('is listed alone', () => {
    const kept = indexOf([WHEEL, SDIST], { versions: ['0.8', '0.9', '1.0+cu'] }, ['0.9.0'])
    const listed = json({ index: kept })
    expect(listed.files.map((file) => file.filename)).toEqual(['hello-0.9.tar.gz'])
    expect(listed.versions).toEqual(['0.9'])
  })
})
