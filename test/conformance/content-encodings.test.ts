import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask } from '../support/request.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

let npm: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  npm = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npm.url, GRANARY_UPSTREAM_PYPI: pypi.url })
  for (let minor = 0; minor < 30; minor++) {
    await npm.publish({ name: 'hello', version: `1.${minor}.0` })
    await pypi.publish({ name: 'hello', version: `1.${minor}` })
  }
})
afterAll(async () => {
  for (const one of [registry, npm, pypi]) await one[Symbol.asyncDispose]()
})

const get = (path: string, headers: Readonly<Record<string, string>>) =>
  ask(registry.url + path, { headers: { authorization: `Bearer ${registry.token}`, ...headers } })

const CODINGS = [
  ['identity', null, (bytes: Buffer) => bytes],
  ['gzip', 'gzip', gunzipSync],
  ['zstd', 'zstd', zstdDecompressSync],
  ['br', 'br', brotliDecompressSync],
] as const

describe.each([
  ['a package document', '/npm/local/main/hello', 'application/json'],
  ['an abbreviated one', '/npm/local/main/hello', 'application/vnd.npm.install-v1+json'],
  ['a project page', '/pypi/local/main/simple/hello/', 'application/vnd.pypi.simple.v1+json'],
  ['a project page for people', '/pypi/local/main/simple/hello/', 'text/html'],
])('%s', (_, path, accept) => {
  it('is one document in each encoding, with an ETag of its own that holds for that encoding alone', async () => {
    const answers = []
    for (const [wanted, sent, decode] of CODINGS) {
      const { status, headers, body } = await get(path, { accept, 'accept-encoding': wanted })
      expect({ wanted, status, sent: headers['content-encoding'] ?? null }).toEqual({ wanted, status: 200, sent })
      expect(Number(headers['content-length'])).toBe(body.length)
      const varies = String(headers['vary']).split(/,\s*/)
      expect(varies).toEqual(expect.arrayContaining(['Accept', 'Accept-Encoding']))
      answers.push({ wanted, etag: String(headers['etag']), document: decode(body).toString() })
    }
    expect(new Set(answers.map(({ document }) => document)).size).toBe(1)
    expect(new Set(answers.map(({ etag }) => etag)).size).toBe(CODINGS.length)
    for (const { wanted, etag } of answers) {
      for (const [other] of CODINGS) {
        const { status, headers } = await get(path, { accept, 'accept-encoding': other, 'if-none-match': etag })
        expect({ wanted, other, status }).toEqual({ wanted, other, status: wanted === other ? 304 : 200 })
        if (status === 304) expect(headers['etag']).toBe(etag)
      }
    }
  })

  it.each([
    ['gzip, deflate', 'gzip'], // npm, pip
    ['gzip, deflate, zstd', 'zstd'], // uv
    ['gzip, deflate, br, zstd', 'zstd'], // Bun
    ['gzip, deflate, br', 'gzip'], // Yarn
  ])('goes out to who asks for %s in %s', async (offered, sent) => {
    expect((await get(path, { accept, 'accept-encoding': offered })).headers['content-encoding']).toBe(sent)
  })
})

it('a file is never encoded', async () => {
  for (const path of ['/npm/local/main/hello/-/hello-1.0.0.tgz'])
    expect((await get(path, { 'accept-encoding': 'gzip, br, zstd' })).headers['content-encoding']).toBeUndefined()
})
