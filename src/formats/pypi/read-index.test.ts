import { describe, expect, it } from 'vitest'
import type { FetchedIndex } from '../../registry/ecosystem.ts'
import { parseName } from './name.ts'
import { readDocument, readIndex } from './read-index.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const hello = parseName('hello', null)

function fetched(body: string, contentType: string, headers: Record<string, string> = {}): FetchedIndex {
  return { body: Buffer.from(body), contentType, url: 'https://index.example/simple/hello/', headers }
}
function read(body: string, contentType = 'text/html', headers?: Record<string, string>) {
  const { facts, document } = readIndex(fetched(body, contentType, headers), hello)
  return { facts, page: readDocument(document) }
}
const readJson = (page: unknown, headers?: Record<string, string>) => read(JSON.stringify(page), JSON_TYPE, headers)
const down = (why: RegExp) => expect.objectContaining({ code: 'upstream_down', message: expect.stringMatching(why) })

describe('JSON pages', () => {
  const FILE = {
    filename: 'hello-1.0-py3-none-any.whl',
    url: 'https://files.example/packages/aa/bb/rest/hello-1.0-py3-none-any.whl',
    hashes: { sha256: A },
  }

  it('give facts and a document', () => {
    const { facts, page } = readJson({
      meta: { 'api-version': '1.4', '_last-serial': 42, _private: 1 },
      name: 'hello',
      files: [
        {
          ...FILE,
          'requires-python': '>=3.8',
          size: 1234,
          'upload-time': '2024-05-01T10:00:00.123456Z',
          yanked: 'broken',
          'core-metadata': { sha256: B },
          provenance: 'https://index.example/integrity/hello/provenance',
          'gpg-sig': false,
        },
      ],
      versions: ['1.0', '2.0'],
      'project-status': { status: 'archived', reason: 'gone fishing' },
    })
    expect(facts).toEqual({
      serial: 42,
      versions: [
        { version: '1.0', publishedAt: Date.parse('2024-05-01T10:00:00.123Z'), license: null, discouraged: true },
        { version: '2.0', publishedAt: null, license: null },
      ],
      files: [
        {
          file: FILE.filename,
          version: '1.0',
          url: FILE.url,
          path: 'packages/aa/bb/rest/hello-1.0-py3-none-any.whl',
          digests: { sha256: A },
          size: 1234,
          publishedAt: Date.parse('2024-05-01T10:00:00.123Z'),
          sideCar: { sha256: B },
        },
      ],
    })
    expect(page).toEqual({
      serial: 42,
      status: { status: 'archived', reason: 'gone fishing' },
      versions: ['1.0', '2.0'],
      files: [
        {
          filename: FILE.filename,
          url: FILE.url,
          hashes: { sha256: A },
          requiresPython: '>=3.8',
          size: 1234,
          uploadTime: '2024-05-01T10:00:00.123456Z',
          yanked: 'broken',
          coreMetadata: { sha256: B },
          provenance: '../integrity/hello/provenance',
        },
      ],
    })
  })

  it.each([
    ['https://index.example/integrity/hello/1.0/x/provenance', '../integrity/hello/1.0/x/provenance'],
    ['/integrity/hello%2Bcu/x', '../integrity/hello%2Bcu/x'],
    ['../../attestations/x', '../attestations/x'],
    ['https://index.example/../../x', '../x'],
    // It would be asked for with the index's credentials, or not at all.
    ['https://other.example/integrity/hello/1.0/x/provenance', null],
    ['http://index.example/integrity/hello/1.0/x/provenance', null],
    ['https://index.example/integrity?of=hello', null],
    ['javascript:alert(1)', null],
    [`https://index.example/${'x'.repeat(2000)}`, null],
    ['', null],
    [null, null],
    [17, null],
  ])('with attestations at %s have them at %s below the simple root', (provenance, path) => {
    expect(readJson({ files: [{ ...FILE, provenance }] }).page.files[0]?.provenance).toBe(path)
  })

  it('keep keys that nobody knows yet, and leave out what is private, what is given up, and addresses', () => {
    const dropped = {
      _private: 1,
      'alternate-locations': ['https://elsewhere.example/'],
      tracks: [],
      namespace: null,
      link: 'https://elsewhere.example/x',
      nested: { links: ['//elsewhere.example/x'] },
    }
    const kept = { 'variant-labels': { x86_64_v3: ['avx2'] }, 'some-flag': false, nothing: null }
    const { page } = readJson({ ...dropped, ...kept, files: [{ ...FILE, ...dropped, ...kept, 'gpg-sig': true }] })
    expect(page.more).toEqual({ ...kept })
    expect(page.files[0]?.more).toEqual({ ...kept, tracks: [], namespace: null })
  })

  it.each([
    [{ 'core-metadata': true }, true],
    [{ 'core-metadata': false }, null],
    [{ 'data-dist-info-metadata': { sha256: B } }, { sha256: B }],
    [{ 'dist-info-metadata': { sha256: B } }, { sha256: B }],
    [{ 'core-metadata': { md5: 'x' } }, true],
    [{ 'core-metadata': false, 'dist-info-metadata': { sha256: B } }, null],
    [{}, null],
  ])('with %j has the side-car %j', (keys, sideCar) => {
    expect(readJson({ files: [{ ...FILE, ...keys }] }).facts.files[0]?.sideCar).toEqual(sideCar)
  })

  it('advertise metadata for wheels only', () => {
    const file = { filename: 'hello-1.0.tar.gz', url: 'hello-1.0.tar.gz', hashes: {}, 'core-metadata': { sha256: B } }
    expect(readJson({ files: [file] }).facts.files[0]?.sideCar).toBeNull()
  })

  it.each([
    ['2024-05-01T10:00:00Z', '2024-05-01T10:00:00Z'],
    ['2024-05-01T10:00:00', '2024-05-01T10:00:00.000Z'],
    ['2024-05-01T12:00:00+02:00', '2024-05-01T10:00:00.000Z'],
    ['yesterday', null],
    [17, null],
    [undefined, null],
  ])('with the upload time %j give %j', (said, kept) => {
    const { facts, page } = readJson({ files: [{ ...FILE, 'upload-time': said }] })
    expect(page.files[0]?.uploadTime).toBe(kept)
    expect(facts.files[0]?.publishedAt).toBe(kept === null ? null : Date.parse('2024-05-01T10:00:00Z'))
  })

  it('count equal versions as one, published when its first file was', () => {
    const at = (filename: string, time: string) => ({ filename, url: filename, hashes: {}, 'upload-time': time })
    const { facts } = readJson({
      versions: ['1.0.0'],
      files: [
        at('hello-1.0.tar.gz', '2024-02-02T00:00:00Z'),
        at('hello-1.0.0-py3-none-any.whl', '2024-01-01T00:00:00Z'),
      ],
    })
    expect(facts.versions).toEqual([{ version: '1.0.0', publishedAt: Date.parse('2024-01-01'), license: null }])
    expect(facts.files.map((file) => file.version)).toEqual(['1.0.0', '1.0.0'])
  })

  it('resolve relative URLs, and lose what has none', () => {
    const files = [
      { filename: 'hello-1.tar.gz', url: '../../packages/hello-1.tar.gz', hashes: {} },
      { filename: 'hello-2.tar.gz', url: 'file:///etc/passwd', hashes: {} },
      { filename: 'hello-3.tar.gz', hashes: {} },
      { filename: '../hello-4.tar.gz', url: 'x', hashes: {} },
      {
        filename: 'hello-5.tar.gz',
        url: 'https://user:secret@x.example/hello-5.tar.gz#sha256=zz',
        hashes: { sha256: 'zz', md5: 'C'.repeat(32), __proto__: 1 },
      },
      'nonsense',
    ]
    const { facts } = readJson({ files })
    expect(facts.files).toMatchObject([
      { url: 'https://index.example/packages/hello-1.tar.gz', path: 'packages/hello-1.tar.gz' },
      {
        url: 'https://x.example/hello-5.tar.gz',
        digests: { md5: 'c'.repeat(32) },
        path: 'packages/file/5/hello-5.tar.gz',
      },
    ])
  })

  it('keep the first of two files of one name', () => {
    const { facts } = readJson({ files: [FILE, { ...FILE, hashes: { sha256: B } }] })
    expect(facts.files).toMatchObject([{ digests: { sha256: A } }])
  })

  it.each([
    ['at the top', { 'project-status': { status: 'quarantined' } }],
    ["where the standard's example has it", { meta: { 'project-status': { status: 'quarantined' } } }],
  ])('of a project that is quarantined, %s, offer nothing', (_, said) => {
    expect(readJson({ files: [FILE], ...said }).facts.files).toEqual([])
  })

  it('take the serial from the header where they have none', () => {
    expect(readJson({ files: [] }, { 'x-pypi-last-serial': '7' }).facts.serial).toBe(7)
    expect(readJson({ files: [] }, { 'x-pypi-last-serial': 'x' }).facts.serial).toBeNull()
  })

  it.each<[string, string, string, RegExp]>([
    ['another project', JSON.stringify({ name: 'evil', files: [] }), JSON_TYPE, /about "evil" instead of hello/],
    ['version 2 of the API', JSON.stringify({ meta: { 'api-version': '2.0' }, files: [] }), JSON_TYPE, /version 2.0/],
    ['no files', '{}', JSON_TYPE, /no list of files/],
    ['a list', '[]', JSON_TYPE, /no list of files/],
    ['half a page', '{"files": [', JSON_TYPE, /no JSON/],
    ['plain text', 'hello', 'text/plain', /content type "text\/plain"/],
    ['no type', '{}', '', /no content type/],
  ])('that are %s are an upstream that is down', (_, body, type, why) => {
    expect(() => read(body, type)).toThrow(down(why))
  })

  it('of version 2 of the API in HTML as well', () => {
    const html = (version: string) =>
      `<meta name="pypi:repository-version" content="${version}"><a href="hello-1.0.tar.gz">x</a>`
    expect(() => read(html('2.0'))).toThrow(down(/version 2\.0/))
    expect(read(html('1.99')).facts.files).toHaveLength(1)
  })

  it('may spell the name as they like', () => {
    expect(readJson({ name: 'Hello', files: [] }).facts.files).toEqual([])
  })
})

describe('HTML pages', () => {
  it('of the public index', () => {
    const { facts, page } = read(`<!DOCTYPE html>
<html>
  <head>
    <meta name="pypi:repository-version" content="1.4">
    <meta name="pypi:project-status" content="deprecated">
    <meta name="pypi:project-status-reason" content="use &quot;hi&quot;">
    <title>Links for hello</title>
  </head>
  <body>
    <h1>Links for hello</h1>
<a href="https://files.example/packages/aa/bb/rest/hello-1.0-py3-none-any.whl#sha256=${A}" data-requires-python="&gt;=3.8,&lt;4" data-dist-info-metadata="sha256=${B}" data-core-metadata="sha256=${B}">hello-1.0-py3-none-any.whl</a><br />
<a href="https://files.example/packages/cc/dd/rest/hello-0.9.tar.gz#sha256=${B}" data-yanked="" data-gpg-sig="false">hello-0.9.tar.gz</a><br />
</body>
</html>
<!--SERIAL 99-->`)
    expect(facts.serial).toBe(99)
    expect(page.status).toEqual({ status: 'deprecated', reason: 'use "hi"' })
    expect(page.files).toEqual([
      {
        filename: 'hello-1.0-py3-none-any.whl',
        url: 'https://files.example/packages/aa/bb/rest/hello-1.0-py3-none-any.whl',
        hashes: { sha256: A },
        requiresPython: '>=3.8,<4',
        size: null,
        uploadTime: null,
        yanked: false,
        coreMetadata: { sha256: B },
        provenance: null,
      },
      expect.objectContaining({ filename: 'hello-0.9.tar.gz', yanked: true, coreMetadata: null }),
    ])
    expect(facts.files.map((file) => file.path)).toEqual([
      'packages/aa/bb/rest/hello-1.0-py3-none-any.whl',
      'packages/cc/dd/rest/hello-0.9.tar.gz',
    ])
  })

  it.each<[string, string, object]>([
    [
      'unquoted attributes',
      `<a href=hello-1.0.tar.gz#md5=${'c'.repeat(32)}>x</a>`,
      { filename: 'hello-1.0.tar.gz', hashes: { md5: 'c'.repeat(32) } },
    ],
    ['single quotes and upper case', `<A HREF='hello-1.0.tar.gz' DATA-YANKED='why not'>x</A>`, { yanked: 'why not' }],
    [
      'line breaks inside',
      `<a\n  href="hello-1.0.tar.gz"\n  data-requires-python="&gt;=3"\n>\n hello-1.0.tar.gz\n</a>`,
      { requiresPython: '>=3' },
    ],
    [
      'more in the fragment',
      `<a href="hello-1.0.tar.gz#egg=hello&amp;sha256=${A.toUpperCase()}">x</a>`,
      { hashes: { sha256: A } },
    ],
    [
      'an escaped local version',
      `<a href="hello-1.0%2Bcu-py3-none-any.whl">x</a>`,
      { filename: 'hello-1.0+cu-py3-none-any.whl' },
    ],
    ['a plus sign', `<a href="hello-1.0+cu-py3-none-any.whl">x</a>`, { filename: 'hello-1.0+cu-py3-none-any.whl' }],
    [
      'a base',
      `<base href="/files/"><a href="hello-1.0.tar.gz">x</a>`,
      { url: 'https://index.example/files/hello-1.0.tar.gz' },
    ],
    [
      'only the first base',
      `<base href="/a/"><base href="/b/"><a href="hello-1.0.tar.gz">x</a>`,
      { url: 'https://index.example/a/hello-1.0.tar.gz' },
    ],
    [
      'a URL with a query',
      `<a href="dl?file=1">hello-1.0.tar.gz</a>`,
      { filename: 'hello-1.0.tar.gz', url: 'https://index.example/simple/hello/dl?file=1' },
    ],
    ['a text that is shortened', `<a href="hello-1.0.tar.gz">hello-1.0.ta..&gt;</a>`, { filename: 'hello-1.0.tar.gz' }],
    [
      'the size and time that uv reads',
      `<a href="hello-1.0.tar.gz" data-size="12" data-upload-time="2024-01-01T00:00:00Z">x</a>`,
      { size: 12, uploadTime: '2024-01-01T00:00:00Z' },
    ],
    ['entities in the address', `<a href="hello&#45;1.0.tar.gz?a=1&amp;b=2">x</a>`, { filename: 'hello-1.0.tar.gz' }],
    [
      'a base on another host, which says nothing of where attestations lie',
      `<base href="https://files.example/"><a href="hello-1.0.tar.gz" data-provenance="/integrity/x">x</a>`,
      { url: 'https://files.example/hello-1.0.tar.gz', provenance: '../integrity/x' },
    ],
    [
      'a text that names another file',
      `<a href="hello-1.0.tar.gz">hello-2.0.tar.gz</a>`,
      { filename: 'hello-1.0.tar.gz' },
    ],
    [
      'metadata of unknown digest',
      `<a href="hello-1.0-py3-none-any.whl" data-core-metadata="true">x</a>`,
      { coreMetadata: true },
    ],
    [
      'metadata that is none',
      `<a href="hello-1.0-py3-none-any.whl" data-core-metadata="false" data-dist-info-metadata="true">x</a>`,
      { coreMetadata: null },
    ],
    [
      'the old name for it',
      `<a href="hello-1.0-py3-none-any.whl" data-dist-info-metadata="sha256=${B}">x</a>`,
      { coreMetadata: { sha256: B } },
    ],
  ])('with %s', (_, body, file) => {
    expect(read(body).page.files).toEqual([expect.objectContaining(file)])
  })

  it.each([
    ['https://index.example/whl/cu121/hello/', '../../whl/cu121/integrity/x'],
    ['https://index.example/whl/cu121/hello', '../../whl/cu121/integrity/x'],
    ['https://index.example/hello/', 'whl/cu121/integrity/x'],
  ])('at %s may belong to a root of any name', (url, provenance) => {
    const body = Buffer.from(
      `<a href="/whl/hello-1.0%2Bcu121-py3-none-any.whl#md5=${'c'.repeat(32)}" data-provenance="/whl/cu121/integrity/x">hello-1.0+cu121-py3-none-any.whl</a>`,
    )
    const { facts, document } = readIndex({ body, contentType: 'text/html', url, headers: {} }, hello)
    expect(facts.files).toMatchObject([
      {
        file: 'hello-1.0+cu121-py3-none-any.whl',
        version: '1.0+cu121',
        url: 'https://index.example/whl/hello-1.0%2Bcu121-py3-none-any.whl',
        digests: { md5: 'c'.repeat(32) },
      },
    ])
    expect(readDocument(document).files[0]?.provenance).toBe(provenance)
  })

  it('may leave anchors open, and have other ones', () => {
    const { page } = read(`<h1>Index of /hello</h1><a href="../">../</a>
      <a href="hello-1.0.tar.gz">hello-1.0.tar.gz
      <a href="javascript:alert(1)">hello-2.0.tar.gz</a>
      <a href="hello-1.0.tar.gz.asc">hello-1.0.tar.gz.asc</a>
      <a name="x">hello-3.0.tar.gz</a>
      <script>document.write('<a href="hello-4.0.tar.gz">x</a>')</script>
      <!-- <a href="hello-5.0.tar.gz">x</a> -->
      <a href="hello-6.0.exe">hello-6.0.exe</a>`)
    expect(page.files.map((file) => file.filename)).toEqual(['hello-1.0.tar.gz', 'hello-6.0.exe'])
  })

  it.each([
    ['<html><head><meta name="pypi:repository-version" content="1.0"></head><body></body></html>'],
    ['<html><head><title>Links for hello</title></head><body></body></html>'],
    ['<title>Index of /simple/hello/</title><a href="../">Parent</a>'],
  ])('may be empty: %s', (body) => {
    expect(read(body).facts.files).toEqual([])
  })

  it.each(['', 'Service unavailable', '<html><body><h1>Log in</h1><a href="/login">Log in</a></body></html>'])(
    'that are no index are an upstream that is down: %j',
    (body) => {
      expect(() => read(body)).toThrow(down(/no index/))
    },
  )
})
