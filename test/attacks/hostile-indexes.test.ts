import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { watchMemory } from '../support/memory.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'

// Indexes that are made to exhaust whoever reads them.

const MEBIBYTE = 1024 * 1024
const SPACES = Buffer.alloc(MEBIBYTE, ' ')
/** A little more than is read. */
const UNPACKED = Buffer.alloc(140 * MEBIBYTE, ' ')
const GZIPPED = gzipSync(UNPACKED, { level: 1 })
const BROTLIED = brotliCompressSync(UNPACKED, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })
const ZSTANDARD = zstdCompressSync(UNPACKED)

type Answer = (response: ServerResponse) => void

const send =
  (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(body)
  }

function sendForEver(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const spaces = Array.from({ length: 140 }, () => SPACES)
  pipeline(Readable.from(spaces), response, () => {})
}

const DIST = '"dist":{"tarball":"http://files.example/x.tgz","shasum":"0000000000000000000000000000000000000000"}'
const nested = (name: string, depth: number): string => {
  const deep = '['.repeat(depth) + ']'.repeat(depth)
  return `{"name":"${name}","versions":{"1.0.0":{"name":"${name}","version":"1.0.0",${DIST},"engines":${deep}}},"readme":${deep}}`
}
const wide = (name: string): string => {
  const versions = Array.from(
    { length: 20_000 },
    (_, at) => `"${at}.0.0":{"name":"${name}","version":"${at}.0.0",${DIST}}`,
  )
  return `{"name":"${name}","dist-tags":{"latest":"1.0.0"},"versions":{${versions.join()}}}`
}

/** Each by the name of the package that has it. */
const INDEXES: Readonly<Record<string, Answer>> = {
  endless: sendForEver,
  declared: (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(140 * MEBIBYTE) })
    response.flushHeaders()
  },
  gzipped: send(GZIPPED, { 'content-encoding': 'gzip' }),
  brotlied: send(BROTLIED, { 'content-encoding': 'br' }),
  zstandard: send(ZSTANDARD, { 'content-encoding': 'zstd' }),
  twice: send(gzipSync(GZIPPED), { 'content-encoding': 'gzip, gzip' }),
  'not-gzip': send('{}', { 'content-encoding': 'gzip' }),
  deep: send(nested('deep', 5_000)),
  deeper: send(nested('deeper', 200_000)),
  unfolding: send(
    gzipSync(
      `{"name":"unfolding","versions":{"1.0.0":{"name":"unfolding","version":"1.0.0",${DIST}}},"readme":"${'x'.repeat(60 * MEBIBYTE)}"}`,
      { level: 1 },
    ),
    { 'content-encoding': 'gzip' },
  ),
  // Text that takes fifty times its size once it is parsed.
  dense: send(gzipSync(`{"name":"dense","versions":{},"x":[${'[],'.repeat(5_000_000)}1]}`, { level: 1 }), {
    'content-encoding': 'gzip',
  }),
  'dense-below-the-limit': send(`{"name":"dense-below-the-limit","versions":{},"x":[${'[],'.repeat(900_000)}1]}`),
  unclosed: send('['.repeat(2_000_000)),
  wide: send(wide('wide')),
  'long-strings': send(
    JSON.stringify({
      name: 'long-strings',
      versions: { ['1.'.repeat(50_000)]: {}, [`1.0.0-${'-'.repeat(100_000)}`]: {} },
    }),
  ),
  prototype: send(
    '{"name":"prototype","__proto__":{"polluted":1},"versions":{"__proto__":{' +
      DIST +
      '},"1.0.0":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},' +
      DIST +
      '}},"time":{"__proto__":"2024-01-01T00:00:00.000Z"},"dist-tags":{"__proto__":"1.0.0","constructor":"1.0.0"}}',
  ),
  'wrong-types': send(
    '{"name":"wrong-types","versions":{"1.0.0":[],"2.0.0":{"dist":{"tarball":5}},"3.0.0":null,"4.0.0":{"name":7,"bin":[[]],"scripts":"x","dependencies":5,"license":{"type":{}},"engines":[null],' +
      DIST +
      '}},"time":7,"dist-tags":[1,{}],"readme":{},"maintainers":{"__proto__":null}}',
  ),
  list: send('[]'),
  nothing: send('null'),
  'other-name': send('{"name":"somebody-else","versions":{}}'),
  'long-headers': send('{}', { 'x-padding': 'x'.repeat(200_000) }),
}

const PAGES: Readonly<Record<string, Answer>> = {
  'deep-html': send('<a>'.repeat(300_000), { 'content-type': 'text/html' }),
  'open-attribute': send(`<a href="${'x'.repeat(5_000_000)}`, { 'content-type': 'text/html' }),
  'many-entities': send(`<a href="x">${'&amp;'.repeat(500_000)}</a>`, { 'content-type': 'text/html' }),
  'deep-json': send(`{"name":"deep-json","files":${'['.repeat(500_000)}`, {
    'content-type': 'application/vnd.pypi.simple.v1+json',
  }),
  'gzipped-page': send(GZIPPED, { 'content-type': 'text/html', 'content-encoding': 'gzip' }),
  'wrong-files': send(
    '{"name":"wrong-files","meta":{"api-version":"1.1"},"files":[1,null,{"filename":"../x.whl","url":5},{"filename":"wrong_files-1-py3-none-any.whl","url":"javascript:x","hashes":[]}]}',
    { 'content-type': 'application/vnd.pypi.simple.v1+json' },
  ),
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, name = ''] = /^\/(?:simple\/)?([^/]+)/.exec(request.url ?? '') ?? []
  const found = request.url?.startsWith('/simple/') ? PAGES[name] : INDEXES[name]
  if (found) found(response)
  else response.writeHead(404).end()
}

const upstream = createServer(answer)
let registry: TestRegistry

beforeAll(async () => {
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: origin, GRANARY_UPSTREAM_PYPI: `${origin}simple/` })
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  upstream.closeAllConnections()
  upstream.close()
})

it.each([
  ...Object.keys(INDEXES).map((name) => [name, `/npm/local/main/${name}`] as const),
  ...Object.keys(PAGES).map((name) => [name, `/pypi/local/main/simple/${name}/`] as const),
])('P-29 the index %s takes neither the memory nor the time of the server', async (_name, path) => {
  const started = performance.now()
  const { result, grownBy } = await watchMemory(async () => {
    const accept = 'application/vnd.npm.install-v1+json'
    await (await registry.fetch(path, { headers: { accept } })).arrayBuffer()
    const response = await registry.fetch(path)
    return { status: response.status, text: await response.text() }
  })
  expect([200, 404, 502], result.text.slice(0, 200)).toContain(result.status)
  expect(grownBy).toBeLessThan(800 * MEBIBYTE)
  expect(performance.now() - started).toBeLessThan(15_000)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  // It lives, and answers others.
  expect((await registry.fetch('/npm/local/main/-/ping')).status).toBe(200)
})
