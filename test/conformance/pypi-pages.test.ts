import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { file, startLoopbackServer } from '../support/upstream/loopback-server.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildSdist, buildWheel } from '../support/wheel.ts'

// What the standards of PyPI's index ask for, and what its users rely on besides, over HTTP against a whole server.

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const HTML_TYPE = 'application/vnd.pypi.simple.v1+html'
const ROOT = '/pypi/local/main/'

let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

const get = (path: string, accept?: string, headers: Readonly<Record<string, string>> = {}) =>
  registry.fetch(ROOT + path, { headers: { ...(accept !== undefined && { accept }), ...headers } })

type PageFile = { filename: string; url: string; provenance?: string; 'data-variants'?: unknown }
type Page = { meta: Record<string, unknown>; files: PageFile[]; 'project-status'?: unknown; [key: string]: unknown }
const page = async (name: string) => (await (await get(`simple/${name}/`, JSON_TYPE)).json()) as Page

async function upload(name: string, version: string, more: { summary?: string; requiresDist?: string[] } = {}) {
  const built = buildWheel({ name, version, license: 'MIT', requiresPython: '>=3.9', ...more })
  expect(await uploadPypi(registry, { name, version, ...built })).toMatchObject({ status: 200 })
  return built
}

describe('a project page', () => {
  it.each([
    [undefined, 'text/html; charset=utf-8'],
    ['*/*', 'text/html; charset=utf-8'],
    [`${HTML_TYPE}; q=0.9, text/html;q=0.1`, `${HTML_TYPE}; charset=utf-8`],
    ['application/vnd.pypi.simple.latest+json', JSON_TYPE],
  ])('for Accept: %s comes as %s, with what caches need to know', async (accept, type) => {
    await pypi.publish({ name: 'negotiated', version: '1.0' })
    const { status, headers } = await get('simple/negotiated/', accept)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe(type)
    expect(headers.get('vary')).toBe('Accept, Accept-Encoding, Authorization')
    expect(headers.get('cache-control')).toBe('private, no-cache')
    expect(headers.get('etag')).toMatch(/^"[^"]+"$/)
    expect(headers.get('x-pypi-last-serial')).toMatch(/^\d+$/)
  })

  it.each(['simple/negotiated/', 'simple/'])(
    '%s in a form that there is none of is a 406 that lists the forms',
    async (path) => {
      for (const answer of [await get(path, 'image/png'), await get(`${path}?format=yaml`, JSON_TYPE)]) {
        expect(answer.status).toBe(406)
        expect(await answer.text()).toMatch(/simple\.v1\+json, application\/vnd\.pypi\.simple\.v1\+html or text\/html/)
      }
    },
  )

  it('says what its upstream says of the project and of its files', async () => {
    const more = { 'data-variants': { x86_64_v3: true } }
    await pypi.publish({ name: 'well-described', version: '1.0', yanked: 'broken "here"', more })
    pypi.setStatus('well-described', 'archived', 'finished')
    const { meta, files, ...rest } = await page('well-described')
    expect(meta['api-version']).toBe('1.4')
    expect(rest['project-status']).toEqual({ status: 'archived', reason: 'finished' })
    expect(files).toMatchObject([{ yanked: 'broken "here"', ...more }])
    const html = await (await get('simple/well-described/')).text()
    expect(html).toContain('<meta name="pypi:project-status" content="archived">')
    expect(html).toContain('data-yanked="broken &quot;here&quot;"')
  })

  it('of a quarantined project offers no files, also none that were fetched; their addresses still work', async () => {
    const [wheel] = await pypi.publish({ name: 'in-quarantine', version: '1.0' })
    const fetched = () => get(wheel?.path.slice(1) ?? '')
    expect((await fetched()).status).toBe(200)
    pypi.setStatus('in-quarantine', 'quarantined', 'malware')
    registry.passTime(20 * 60_000)
    const answer = await get('simple/in-quarantine/', JSON_TYPE, { 'cache-control': 'no-cache' })
    expect(await answer.json()).toMatchObject({
      files: [],
      'project-status': { status: 'quarantined', reason: 'malware' },
    })
    expect((await fetched()).status).toBe(200)
  })
})

describe('a file of which the index tells no strong digest', () => {
  it.each([
    ['md5', { md5: true }],
    ['nothing', {}],
  ])('but %s has one as soon as it was fetched', async (what, { md5 }: { md5?: boolean }) => {
    const name = `weakly-${what}`
    const { bytes, file: filename } = buildWheel({ name, version: '1.0' })
    const digest = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex')
    const weak: Record<string, string> = md5 ? { md5: digest('md5') } : {}
    await pypi.publish({ name, version: '1.0', hashes: weak, metadata: false })
    const before = (await page(name)).files
    expect(before).toMatchObject([{ filename, hashes: weak }])
    const path = new URL(before[0]?.url ?? '').pathname
    const got = await registry.fetch(path)
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true)
    await expect
      .poll(async () => {
        registry.passTime(61_000)
        return (await page(name)).files
      })
      .toMatchObject([{ filename, url: before[0]?.url, hashes: { ...weak, sha256: digest('sha256') } }])
    expect(await (await get(`simple/${name}/`)).text()).toContain(`${filename}#sha256=${digest('sha256')}"`)
    expect((await registry.fetch(path)).status).toBe(200)
  })
})

describe('attestations (PEP 740)', () => {
  const DOCUMENT = { version: 1, attestation_bundles: [{ publisher: { kind: 'GitHub' }, attestations: [] }] }

  it('are those of the upstream, at an address of this registry, also when the upstream is down', async () => {
    await pypi.publish({ name: 'attested', version: '1.0', provenance: DOCUMENT })
    const url = (await page('attested')).files[0]?.provenance ?? ''
    expect(url).toBe(`${registry.url}${ROOT}integrity/attested/1.0/attested-1.0-py3-none-any.whl/provenance`)
    expect(await (await get('simple/attested/')).text()).toContain(`data-provenance="${url}"`)
    const told = async () => {
      const answer = await registry.fetch(new URL(url).pathname)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('application/vnd.pypi.integrity.v1+json')
      expect(await answer.json()).toEqual(DOCUMENT)
      return answer.headers.get('etag') ?? ''
    }
    const etag = await told()
    expect((await registry.fetch(new URL(url).pathname, { headers: { 'if-none-match': etag } })).status).toBe(304)
    await pypi.down()
    try {
      await told()
    } finally {
      await pypi.up()
    }
  })

  it('that cannot be had are an outage, and none where the page tells of none', async () => {
    await pypi.publish({ name: 'attested-badly', version: '1.0', provenance: { some: 'thing else' } })
    await pypi.publish({ name: 'not-attested', version: '1.0' })
    await upload('attested-nowhere', '1.0')
    const address = (name: string) =>
      `integrity/${name}/1.0/${name.replaceAll('-', '_')}-1.0-py3-none-any.whl/provenance`
    expect((await get(address('attested-badly'))).status).toBe(502)
    expect((await get(address('not-attested'))).status).toBe(404)
    expect((await get(address('attested-nowhere'))).status).toBe(404)
    expect(JSON.stringify(await page('attested-nowhere'))).not.toContain('provenance')
  })
})

describe('the list of projects', () => {
  type List = { meta: Record<string, unknown>; projects: { name: string }[] }
  const listed = async (repository: string) => {
    const answer = await registry.fetch(`/pypi/local/${repository}/simple/`, { headers: { accept: JSON_TYPE } })
    expect(answer.headers.get('content-type')).toBe(JSON_TYPE)
    return ((await answer.json()) as List).projects.map(({ name }) => name)
  }

  it('has what was uploaded and what was fetched, in both forms, and what upstream has besides is not in it', async () => {
    await upload('Listed.Upload', '1.0')
    const [wheel] = await pypi.publish({ name: 'listed-fetched', version: '1.0' })
    await pypi.publish({ name: 'listed-never', version: '1.0' })
    await page('listed-never')
    await (await get(wheel?.path.slice(1) ?? '')).arrayBuffer()
    await expect.poll(() => listed('pypi-store')).toContain('listed-fetched')
    pypi.requests.length = 0
    const names = await listed('main')
    expect(names).toEqual(names.toSorted())
    expect(names).toEqual(expect.arrayContaining(['listed-fetched', 'listed-upload']))
    expect(names).not.toContain('listed-never')
    const html = await (await get('simple/')).text()
    expect(html.match(/^<a href="[^"]+">[^<]+<\/a><br \/>$/gm)).toEqual(
      names.map((name) => `<a href="${registry.url}${ROOT}simple/${name}/">${name}</a><br />`),
    )
    expect(html).toMatch(/^<!DOCTYPE html>[\s\S]*repository-version" content="1\.4"[\s\S]*<\/html>\n$/)
    expect(pypi.requests).toEqual([])
  })

  it('of an empty repository is an empty list', async () => {
    await registry.admin.client.call(operations.createRepository, { domain: 'local', repository: 'empty' })
    expect(await listed('empty')).toEqual([])
    const html = await (await registry.fetch('/pypi/local/empty/simple/')).text()
    expect(html).toMatch(/<body>\n\n {2}<\/body>/)
  })
})

describe('the JSON API', () => {
  type Legacy = {
    info: Record<string, unknown>
    releases?: Record<string, { url: string }[]>
    urls: { url: string; digests: { sha256: string } }[]
    last_serial: number
  }
  const legacy = async (path: string) => {
    const answer = await get(path)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.status).toBe(200)
    return (await answer.json()) as Legacy
  }

  it('says of what came from upstream what that says in its own, and has the files of the page', async () => {
    for (const version of ['1.0', '1.1'])
      await pypi.publish({ name: 'in-json', version, summary: `This is ${version}` })
    const { files, meta } = await page('in-json')
    for (const path of ['pypi/in-json/json', 'pypi/In_JSON/json/', 'in-json/json', 'simple/pypi/in-json/json']) {
      const { info, releases = {}, urls, last_serial } = await legacy(path)
      expect(info).toMatchObject({ name: 'in-json', version: '1.1', summary: 'This is 1.1', author: 'The upstream' })
      expect(Object.values(releases).flatMap((all) => all.map(({ url }) => url))).toEqual(files.map(({ url }) => url))
      expect(urls).toEqual(releases['1.1'])
      expect(last_serial).toBe(meta['_last-serial'])
    }
    const { info, releases, urls } = await legacy('pypi/in-json/1.0/json')
    expect(info).toMatchObject({ version: '1.0', summary: 'This is 1.0' })
    expect(releases).toBeUndefined()
    expect(urls.map(({ url }) => url)).toEqual([files[0]?.url])
    // Of one version each: the document of a whole project can have many megabytes.
    expect(pypi.countOf('/pypi/in-json/json')).toBe(0)
    expect(pypi.countOf('/pypi/in-json/1.1/json')).toBe(1)
  })

  it('says of an upload what its metadata says, and asks nobody', async () => {
    pypi.requests.length = 0
    const built = await upload('Our.Tool', '1.0', { summary: 'Does it', requiresDist: ['attrs>=21; extra == "x"'] })
    const { info, urls } = await legacy('pypi/our-tool/json')
    expect(info).toMatchObject({
      name: 'Our.Tool',
      version: '1.0',
      summary: 'Does it',
      license: 'MIT',
      requires_python: '>=3.9',
      requires_dist: ['attrs>=21; extra == "x"'],
      description: null,
      classifiers: [],
    })
    expect(urls.map(({ digests }) => digests.sha256)).toEqual([createHash('sha256').update(built.bytes).digest('hex')])
    expect(urls.map(({ url }) => url)).toEqual((await page('our-tool')).files.map(({ url }) => url))
    expect(pypi.requests).toEqual([])
  })

  it('has an ETag that moves with what it says', async () => {
    await upload('moving-tool', '1.0')
    const first = (await get('pypi/moving-tool/json')).headers.get('etag') ?? ''
    const again = () => get('pypi/moving-tool/json', undefined, { 'if-none-match': first })
    expect((await again()).status).toBe(304)
    await upload('moving-tool', '1.1')
    expect((await again()).status).toBe(200)
  })

  it('comes in the encoding that the client wants, each with an ETag of its own', async () => {
    await upload('encoded-tool', '1.0', { summary: 'long '.repeat(200) })
    const etags = new Set<string>()
    for (const encoding of ['identity', 'gzip', 'zstd', 'br']) {
      const answer = await get('pypi/encoded-tool/json', undefined, { 'accept-encoding': encoding })
      expect(answer.headers.get('content-encoding') ?? 'identity').toBe(encoding)
      etags.add(answer.headers.get('etag') ?? '')
      const { info } = (await answer.json()) as Legacy
      expect(info['name']).toBe('encoded-tool')
    }
    expect(etags.size).toBe(4)
  })

  it.each([
    ['has none', { kind: 'status', status: 404 }],
    ['answers with a page for people', { kind: 'html' }],
    ['refuses it', { kind: 'status', status: 403 }],
    ['fails at it', { kind: 'status', status: 500 }],
    ['wants a pause', { kind: 'status', status: 503, headers: { 'retry-after': '30' } }],
    ['never ends', { kind: 'reset' }],
  ] as const)('of an upstream that %s has the files all the same', async (what, fault) => {
    const name = `without-json-${what.length}`
    await pypi.publish({ name, version: '1.0', requiresPython: '>=3.8' })
    pypi.faults.on(/^\/pypi\//, fault)
    try {
      const { info, urls } = await legacy(`pypi/${name}/json`)
      expect(info).toMatchObject({ name, version: '1.0', requires_python: '>=3.8', summary: null, author: null })
      expect(urls).toHaveLength(1)
      // One service of an index that fails is no reason to ask it for no projects.
      await pypi.publish({ name: `${name}-next`, version: '1.0' })
      expect((await get(`simple/${name}-next/`)).status).toBe(200)
    } finally {
      pypi.faults.clear()
    }
  })

  it('tells bandersnatch, and nobody else, serials that its list agrees with, and paths in place of addresses', async () => {
    await upload('mirrored-tool', '1.0')
    const as = (agent: string) => ({ 'user-agent': agent, 'accept-encoding': 'identity' })
    const listFor = async (agent: string) => {
      const answer = await get('simple', JSON_TYPE, as(agent))
      return ((await answer.json()) as { projects: { name: string; '_last-serial'?: number }[] }).projects
    }
    const documentFor = async (agent: string) => {
      const answer = await get('pypi/mirrored-tool/json', undefined, as(agent))
      const { etag, 'x-pypi-last-serial': serial } = Object.fromEntries(answer.headers)
      return { etag, serial, document: (await answer.json()) as Legacy }
    }
    const mirror = 'bandersnatch/8.0.0 (cpython 3.13.0-final0, Linux x86_64) (aiohttp 3.14.5)'
    const listed = await listFor(mirror)
    for (const { '_last-serial': serial } of listed) expect(serial).toBeGreaterThan(0)
    const [theirs, others] = [await documentFor(mirror), await documentFor('pip/26.3')]
    const highest = Math.max(...listed.map((project) => project['_last-serial'] ?? 0))
    expect(Number(theirs.serial)).toBeGreaterThanOrEqual(highest)
    expect(others.serial).toBeUndefined()
    expect(await listFor('pip/26.3')).toEqual(listed.map(({ name }) => ({ name })))
    expect(theirs.etag).not.toBe(others.etag)
    const pathOf = (url: string) => url.replace(`${registry.url}${ROOT.slice(0, -1)}`, '')
    expect(others.document.urls.map(({ url }) => pathOf(url))).toEqual(theirs.document.urls.map(({ url }) => url))
    for (const { url } of theirs.document.urls) expect(url).toMatch(/^\/packages\//)
    expect(theirs.document.info).toEqual(others.document.info)
  })

  it('of a project that does not exist is not found', async () => {
    expect((await get('pypi/nobody-has-this/json')).status).toBe(404)
    await upload('one-version', '1.0')
    expect((await get('pypi/one-version/2.0/json')).status).toBe(404)
  })
})

describe('an index whose root has another name, in HTML, with little to go by', () => {
  it('gives its files through here, under their own names and with their own digests', async () => {
    const wheel = buildWheel({ name: 'torchlike', version: '2.1.0+cu121' })
    const sdist = await buildSdist({ name: 'torchlike', version: '2.0.0' })
    const md5 = createHash('md5').update(sdist.bytes).digest('hex')
    const sha256 = createHash('sha256').update(wheel.bytes).digest('hex')
    const html = `<HTML><BODY><H1>Links for torchlike</H1>
<base href='/whl/cu121/'>
<A HREF=${encodeURIComponent(wheel.file)}#sha256=${sha256}>${wheel.file}</A>
<a href='../../dl/${sdist.file}?x=1&amp;y=2#md5=${md5}'>the source`
    await using server = await startLoopbackServer(({ path }) => {
      const found = new Map([
        [`/whl/cu121/${encodeURIComponent(wheel.file)}`, wheel.bytes],
        [`/dl/${sdist.file}`, sdist.bytes],
      ]).get(path)
      if (found) return file(found)
      const status = path === '/whl/cu121/torchlike/' ? 200 : 404
      return { status, headers: { 'content-type': 'text/html' }, body: Buffer.from(html), document: true }
    })
    await using behind = await startRegistry({ GRANARY_UPSTREAM_PYPI: `${server.origin}/whl/cu121/` })
    const answer = await behind.fetch(`${ROOT}simple/torchlike/`, { headers: { accept: JSON_TYPE } })
    const { meta, files } = (await answer.json()) as Page
    // No size is known: PEP 700 wants one from 1.1 on.
    expect(meta['api-version']).toBe('1.0')
    expect(files).toMatchObject([
      { filename: sdist.file, hashes: { md5 } },
      { filename: wheel.file, hashes: { sha256 } },
    ])
    expect(JSON.stringify(files)).not.toContain(server.origin)
    for (const [at, { bytes }] of [sdist, wheel].entries()) {
      const got = await behind.fetch(new URL(files[at]?.url ?? '').pathname)
      expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true)
    }
    expect(server.requests.map(({ path }) => path)).not.toContain('/simple/torchlike/')
  })
})
