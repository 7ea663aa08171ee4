import { describe, expect, it } from 'vitest'
import type { CurationRule } from '../../policy/curation/rule.ts'
import type { Asset, PackageVersion } from '../../registry/model.ts'
import type { DomainName, RepositoryName } from '../../registry/names.ts'
import type { RenderInput } from '../format.ts'
import { legacyForm, provenanceForm } from './form.ts'
import { parseName } from './name.ts'
import type { PageFile, ProjectPage } from './page.ts'
import { INFO_ENDS, INFO_OPENS } from './render-legacy-json.ts'
import { readIndex, readModel, render } from './renderer.ts'

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
  const { facts, document, model } = readIndex(
    { body, contentType: JSON_TYPE, url: 'https://index.example/simple/hello/', headers: {} },
    hello,
  )
  // What was just read and what is read from the store are rendered alike.
  expect(readModel(document)).toEqual(model)
  return { model, facts, only }
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
          provenance: `${ENDPOINT}integrity/hello/1.0%2Bcu/hello-1.0%2Bcu-py3-none-any.whl/provenance`,
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
<a href="${ENDPOINT}packages/aa/bb/rest/hello-1.0%2Bcu-py3-none-any.whl#sha256=${A}" data-requires-python="&gt;=3.8,&lt;4" data-dist-info-metadata="sha256=${B}" data-core-metadata="sha256=${B}" data-yanked="see &quot;1.1&quot; &amp; &lt;later&gt;" data-provenance="${ENDPOINT}integrity/hello/1.0%2Bcu/hello-1.0%2Bcu-py3-none-any.whl/provenance" data-size="1234" data-upload-time="2024-01-01T00:00:00.000000Z">hello-1.0+cu-py3-none-any.whl</a><br />
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
    const withoutPlaces = ({ url: _url, provenance, ...file }: PageFile) => ({
      ...file,
      isAttested: provenance !== null,
    })
    const before = ((index?.model ?? { files: [] }) as ProjectPage).files.map(withoutPlaces)
    const after = (again.model as ProjectPage).files.map(withoutPlaces)
    expect(sorted(after)).toEqual(sorted(before))
    expect(again.facts.files.map((file) => file.path).toSorted()).toEqual(
      index?.facts.files.map((file) => file.path).toSorted(),
    )
    expect(again.facts.serial).toBe(7)
  })

  it('name no host but this one', () => {
    const index = indexOf([{ ...WHEEL, 'more-about': 'https://index.example/more' }, SDIST], {
      'alternate-locations': ['https://cdn.example/'],
    })
    for (const form of ['json', 'html', 'legacy-json', 'legacy-json:0.9'])
      expect(page({ form, index }).text).not.toMatch(/files\.example|cdn\.example|index\.example/)
  })

  it('say in JSON what nobody here knows, of files and of the project', () => {
    const index = indexOf([{ ...SDIST, 'variant-labels': ['a'] }, WHEEL], { 'variant-providers': { a: 1 } })
    const listed = json({ index })
    expect(listed['variant-providers']).toEqual({ a: 1 })
    expect(listed.files.map((file) => 'variant-labels' in file)).toEqual([true, false])
    expect(page({ form: 'html', index }).text).not.toContain('variant')
  })

  it('tell their serial in the head as well, where there is one', () => {
    expect(page({ index: indexOf([SDIST]) }).headers).toEqual({ 'x-pypi-last-serial': '7' })
    expect(page({ form: 'html', hosted: [hosted('1.0', [{}])] }).headers).toBeUndefined()
  })

  it.each(['json', 'html'])('of a quarantined project list no file that came from there (%s)', (form) => {
    const index = indexOf([SDIST], { 'project-status': { status: 'quarantined', reason: 'malware' } })
    const fetched = { ...hosted('0.9', [{ path: 'packages/x/hello-0.9.tar.gz' }]), origin: 'EXTERNAL' as const }
    const { text } = page({ form, index, retained: [fetched], hosted: [hosted('3.0', [{}])] })
    expect(text).toContain('quarantined')
    expect(text).toContain('malware')
    expect(text).not.toContain('hello-0.9')
    expect(text).toContain('hello-3.0.tar.gz')
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

describe('the JSON API', () => {
  type Legacy = {
    info: Record<string, unknown>
    releases?: Record<string, { url: string; filename: string }[]>
    urls: { url: string; filename: string; packagetype: string; python_version: string }[]
    last_serial: number
    vulnerabilities: unknown[]
  }
  const legacy = (parts: Partial<RenderInput>, version?: string) =>
    json({ ...parts, form: legacyForm(version ?? null) }) as unknown as Legacy
  const file = (filename: string, more: File = {}): File => ({ ...SDIST, filename, url: filename, ...more })

  it('has the files of the page, at the same addresses', () => {
    const index = indexOf([WHEEL, SDIST], { versions: ['0.8', '0.9', '1.0+cu'] })
    const of = { index, hosted: [hosted('1.1', [{}])] }
    const urls = json(of).files.map((one) => one.url)
    const { releases = {}, ...rest } = legacy(of)
    expect(Object.keys(releases)).toEqual(['0.8', '0.9', '1.0+cu', '1.1'])
    expect(Object.values(releases).flatMap((files) => files.map((one) => one.url))).toEqual(urls)
    expect(releases['0.8']).toEqual([])
    expect(rest.urls).toEqual(releases['1.1'])
    expect(rest).toMatchObject({ last_serial: 7, vulnerabilities: [] })
  })

  it('describes a file as the public index does', () => {
    const { urls, info, releases } = legacy({ index: indexOf([WHEEL, SDIST]) }, '1.0+CU')
    expect(urls).toEqual([
      {
        comment_text: null,
        'core-metadata': { sha256: B },
        digests: { sha256: A },
        downloads: -1,
        filename: 'hello-1.0+cu-py3-none-any.whl',
        has_sig: false,
        md5_digest: null,
        packagetype: 'bdist_wheel',
        python_version: 'py3',
        requires_python: '>=3.8,<4',
        size: 1234,
        upload_time: '2024-01-01T00:00:00',
        upload_time_iso_8601: '2024-01-01T00:00:00.000000Z',
        url: `${ENDPOINT}packages/aa/bb/rest/hello-1.0%2Bcu-py3-none-any.whl`,
        yanked: true,
        yanked_reason: 'see "1.1" & <later>',
      },
    ])
    expect(info).toEqual({
      name: 'hello',
      version: '1.0+cu',
      requires_python: '>=3.8,<4',
      yanked: true,
      yanked_reason: 'see "1.1" & <later>',
      package_url: `${ENDPOINT}simple/hello/`,
      project_url: `${ENDPOINT}simple/hello/`,
      release_url: `${ENDPOINT}pypi/hello/1.0%2Bcu/json`,
    })
    expect(releases).toBeUndefined()
  })

  it('has all digests of what is published here', () => {
    const digests = { sha256: C, md5: 'd'.repeat(32), blake2b: A, sha512: 'e'.repeat(128) }
    const own = hosted('1.0', [{ path: `packages/sha256/${C}/hello-1.0.tar.gz`, digests }])
    expect(legacy({ hosted: [own] }).urls).toMatchObject([
      { digests: { sha256: C, md5: 'd'.repeat(32), blake2b_256: A }, md5_digest: 'd'.repeat(32) },
    ])
    expect(page({ hosted: [own] }).text).not.toContain('blake2b')
  })

  it.each([
    ['hello-1.0.tar.gz', 'sdist', 'source'],
    ['hello-1.0.zip', 'sdist', 'source'],
    ['hello-1.0-1-cp311-abi3-linux_x86_64.whl', 'bdist_wheel', 'cp311'],
    ['hello-1.0-py2.7.egg', 'bdist_egg', '2.7'],
    ['hello-1.0.win32-py3.5.exe', 'bdist_wininst', '3.5'],
    ['hello-1.0.msi', 'bdist_msi', 'any'],
  ])('calls %s a %s for %s', (filename, packagetype, python_version) => {
    expect(legacy({ index: indexOf([file(filename)]) }).urls).toMatchObject([{ packagetype, python_version }])
  })

  it.each([
    ['the newest release', ['1.0', '2.0rc1', '1.1'], [], '1.1'],
    ['a preview where there is nothing else', ['2.0rc1', '1.0.dev1'], [], '2.0rc1'],
    ['none that was yanked', ['1.0', '1.1'], ['1.1'], '1.0'],
    ['a preview rather than what was yanked', ['1.0', '1.1rc1'], ['1.0'], '1.1rc1'],
    ['what was yanked where all were', ['1.0', '1.1'], ['1.0', '1.1'], '1.1'],
  ])('is about %s', (_, versions, yanked, version) => {
    const files = versions.map((one) => file(`hello-${one}.tar.gz`, { yanked: yanked.includes(one) }))
    const { info, urls } = legacy({ index: indexOf(files, { versions: [...versions, '9.0'] }) })
    expect(info['version']).toBe(version)
    expect(urls.map((one) => one.filename)).toEqual([`hello-${version}.tar.gz`])
  })

  it('has its info in a first line of its own', () => {
    const { text } = page({ form: legacyForm(null), index: indexOf([WHEEL, SDIST]) })
    const [first = '', ...others] = text.split(INFO_ENDS)
    expect(JSON.parse(first.slice(INFO_OPENS.length))).toMatchObject({ name: 'hello', version: '0.9' })
    expect(others).toHaveLength(1)
  })

  it.each<[string, string, Partial<RenderInput>, string, RegExp]>([
    ['no version', legacyForm(null), { index: indexOf([]) }, 'not_found', /hello has no release/],
    ['another version', legacyForm('4.0'), { index: indexOf([SDIST]) }, 'not_found', /^4 of hello was not found/],
    [
      'a held version',
      legacyForm('0.9.0'),
      { index: indexOf([SDIST, WHEEL]), rules: [denying('0.9')] },
      'held',
      /hello 0\.9 is held back: it has a bug \(rule no-bugs\)/,
    ],
    ['a held project', legacyForm(null), { index: indexOf([SDIST]), rules: [denying()] }, 'held', /it has a bug/],
  ])('is refused for %s', (_, form, parts, code, message) => {
    expect(render(input({ form, ...parts }))).toEqual({
      kind: 'refused',
      code,
      message: expect.stringMatching(message),
    })
  })
})

describe('where attestations lie', () => {
  const WHEEL_NAME = String(WHEEL['filename'])
  const where = (parts: Partial<RenderInput>, version = '1.0+cu', file = WHEEL_NAME) =>
    render(input({ index: indexOf([WHEEL, SDIST]), form: provenanceForm(version, file), ...parts }))

  it.each(['1.0+cu', '1.0.0+CU'])('is known of a file that is listed, its version spelled %s', (version) => {
    const rendered = where({}, version)
    if (rendered.kind !== 'document') throw new Error(rendered.message)
    expect(JSON.parse(Buffer.from(rendered.body).toString())).toEqual({ version: '1.0+cu', path: '../provenance' })
  })

  it.each<[string, Partial<RenderInput>, string | undefined, string | undefined, string]>([
    ['a file without', {}, '0.9', 'hello-0.9.tar.gz', 'not_found'],
    ['a file of another version', {}, '0.9', WHEEL_NAME, 'not_found'],
    ['a file that is not listed', {}, '1.0+cu', 'hello-1.0+cu.tar.gz', 'not_found'],
    ['a version that is held', { rules: [denying('1.0+cu')] }, undefined, undefined, 'held'],
    ['a project that is held', { rules: [denying()] }, undefined, undefined, 'held'],
    ['a version that is published here', { hosted: [hosted('1.0+cu', [{}])] }, undefined, undefined, 'not_found'],
    ['what is gone', { index: indexOf([WHEEL], {}, ['0.9']) }, undefined, undefined, 'not_found'],
  ])('is not told of %s', (_, parts, version, file, code) => {
    expect(where(parts, version, file)).toMatchObject({ kind: 'refused', code })
  })

  it('is not on the page of a version that is published here', () => {
    expect(page({ index: indexOf([WHEEL]), hosted: [hosted('1.0+cu', [{}])] }).text).not.toContain('provenance')
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
