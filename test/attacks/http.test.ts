import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { watchMemory } from '../support/memory.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { sendRaw } from '../support/raw-http.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'

// HTTP itself: requests that mean two things, that take for ever, or that ask for too much.

const TARBALL = '/npm/local/main/hello/-/hello-1.0.0.tgz'
let registry: TestRegistry
let tarball: Uint8Array

/** Connections that send a header byte by byte. They begin with the file's first test, and end with its last. */
let slow: readonly { readonly socket: Socket; readonly ended: Promise<number> }[]

beforeAll(async () => {
  registry = await startRegistry()
  const files = { 'data.bin': Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * 7919) % 251)) }
  tarball = (await publishNpm(registry, { name: 'hello', version: '1.0.0', files })).tarball
  slow = Array.from({ length: 100 }, startSlowly)
})

afterAll(async () => {
  for (const { socket } of slow) socket.destroy()
  await registry[Symbol.asyncDispose]()
})

function startSlowly() {
  const { hostname, port } = new URL(registry.url)
  const socket = connect(Number(port), hostname)
  const started = performance.now()
  socket.on('error', () => {})
  socket.resume()
  socket.write('GET /npm/local/main/hello HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  const timer = setInterval(() => void socket.write('a'), 2_000)
  const ended = once(socket, 'close').then(() => {
    clearInterval(timer)
    return performance.now() - started
  })
  return { socket, ended }
}

describe('P-74 a request that could be two', () => {
  const SMUGGLED = 'GET /npm/local/main/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  const POST = 'POST /api/accounts HTTP/1.1\r\nHost: x\r\n'
  const GET = 'GET /npm/local/main/hello HTTP/1.1\r\nHost: x\r\n'

  it.each<[string, string]>([
    ['a length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['chunks and a length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['two lengths', `${POST}Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`],
    ['two lengths that agree', `${POST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`],
    ['two lengths in one', `${POST}Content-Length: 0, ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`],
    ['a length with a sign', `${POST}Content-Length: +0\r\n\r\n${SMUGGLED}`],
    ['a negative length', `${POST}Content-Length: -1\r\n\r\n${SMUGGLED}`],
    ['a hexadecimal length', `${POST}Content-Length: 0x0\r\n\r\n${SMUGGLED}`],
    ['a length beyond all numbers', `${POST}Content-Length: 99999999999999999999999\r\n\r\n${SMUGGLED}`],
    ['an encoding that is none', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['an encoding after chunks', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['chunks twice', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['a space before the colon of a length', `${POST}Content-Length : 5\r\n\r\n${SMUGGLED}`],
    ['a folded header', `${POST}X: y\r\n Content-Length: 5\r\n\r\n${SMUGGLED}`],
    ['a header without a colon', `${POST}Content-Length\r\n\r\n${SMUGGLED}`],
    ['a header without a name', `${POST}: x\r\n\r\n${SMUGGLED}`],
    ['a NUL in a header', `${GET}X: a\x00b\r\n\r\n${SMUGGLED}`],
    ['a lone line feed', `POST /api/accounts HTTP/1.1\nHost: x\nContent-Length: 0\n\n${SMUGGLED}`],
    ['a lone carriage return', `POST /api/accounts HTTP/1.1\r\nHost: x\rContent-Length: 0\r\n\r\n${SMUGGLED}`],
    ['a chunk of a size that is none', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n${SMUGGLED}`],
    ['a chunk of a size with a prefix', `${POST}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${SMUGGLED}`],
    ['a chunk beyond all numbers', `${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n${SMUGGLED}`],
    ['a chunk that ends in a lone line feed', `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n${SMUGGLED}`],
    ['another version of HTTP', `GET /npm/local/main/hello HTTP/1.2\r\nHost: x\r\n\r\n${SMUGGLED}`],
    ['the preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SMUGGLED}`],
  ])('by %s is refused, and the connection closed', async (_what, bytes) => {
    registry.log.length = 0
    const answer = await sendRaw(registry.url, bytes)
    expect(answer.text).not.toContain('smuggled')
    expect(answer.status).toBe(400)
    expect(answer.answers).toBe(1)
    expect(answer.closed).toBe(true)
    expect(registry.log.some((line) => String(line['path']).includes('smuggled'))).toBe(false)
  })

  it('by no host is refused, and the connection closed', async () => {
    const answer = await sendRaw(registry.url, 'GET /npm/local/main/hello HTTP/1.1\r\n\r\n')
    expect(answer).toMatchObject({ status: 400, answers: 1, closed: true })
  })

  it('is not made of what was left of a body that was refused', async () => {
    registry.log.length = 0
    const body = SMUGGLED.repeat(3)
    const answer = await sendRaw(
      registry.url,
      `PUT /npm/local/main/hello HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length + 10}\r\n\r\n${body}`,
    )
    expect(answer).toMatchObject({ status: 401, answers: 1, closed: true })
    expect(registry.log.some((line) => String(line['path']).includes('smuggled'))).toBe(false)
  })

  it('has no more header than fits', async () => {
    for (const header of [
      `X: ${'a'.repeat(100_000)}`,
      Array.from({ length: 5_000 }, (_, at) => `X-${at}: y`).join('\r\n'),
    ]) {
      const answer = await sendRaw(registry.url, `${GET}${header}\r\n\r\n`)
      expect([431, 401]).toContain(answer.status)
    }
    expect((await sendRaw(registry.url, `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).status).toBe(431)
  })
})

describe('P-75 ranges', () => {
  const many = Array.from({ length: 1_000 }, (_, at) => `${at * 10}-${at * 10 + 5}`).join()
  const overlapping = Array.from({ length: 500 }, () => '0-').join()

  it.each([
    [`bytes=${many}`, 200],
    [`bytes=${overlapping}`, 200],
    ['bytes=0-0,0-0', 200],
    ['bytes=99999999-', 416],
    ['bytes=-0', 416],
    ['bytes=5-2', 200],
    ['bytes=--5', 200],
    ['bytes=a-b', 200],
    ['bytes=0-99999999999999999999', 200],
    ['bytes=99999999999999999999-', 200],
    ['items=0-5', 200],
    ['bytes=', 200],
    ['bytes=0x0-0x5', 200],
    ['bytes=0-9', 206],
    ['bytes=-10', 206],
    ['bytes=10-99999999', 206],
  ])('%.40s', async (range, status) => {
    const response = await registry.fetch(TARBALL, { headers: { range } })
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(response.status).toBe(status)
    expect(bytes.length).toBeLessThanOrEqual(tarball.length)
    if (status === 200) expect(bytes.equals(tarball)).toBe(true)
    if (status === 206) {
      const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? []
      expect(Number(size)).toBe(tarball.length)
      expect(bytes.equals(tarball.subarray(Number(from), Number(to) + 1))).toBe(true)
    }
  })
})

describe('P-77 a body that unpacks to a huge one', () => {
  const BOMB = gzipSync(Buffer.concat([Buffer.from('{"readme":"'), Buffer.alloc(200 * 1024 ** 2, 'x')]), { level: 1 })
  const JSON_TYPE = { 'content-type': 'application/json' }
  const FORM = { 'content-type': 'multipart/form-data; boundary=b' }

  it.each<[string, string, string, string, Readonly<Record<string, string>>, readonly number[]]>([
    ['a publish', 'PUT', '/npm/local/main/bomb', 'gzip', JSON_TYPE, [413]],
    ['a publish, packed twice', 'PUT', '/npm/local/main/bomb', 'gzip, gzip', JSON_TYPE, [415]],
    ['a publish in another encoding', 'PUT', '/npm/local/main/bomb', 'br', JSON_TYPE, [415]],
    ['a tag', 'PUT', '/npm/local/main/-/package/hello/dist-tags/beta', 'gzip', JSON_TYPE, [413]],
    ['an upload', 'POST', '/pypi/local/main/', 'gzip', FORM, [400, 413, 415]],
    ['a document of the API', 'POST', '/api/accounts', 'gzip', JSON_TYPE, [400, 413, 415]],
  ])('%s', async (_what, method, path, encoding, headers, expected) => {
    const started = performance.now()
    const { result, grownBy } = await watchMemory(() =>
      registry.fetch(path, { method, body: BOMB, headers: { ...headers, 'content-encoding': encoding } }),
    )
    expect(expected).toContain(result.status)
    await result.text()
    expect(grownBy).toBeLessThan(256 * 1024 ** 2)
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})

it('P-73 slow connections slow nobody else, and are dropped', async () => {
  const times: number[] = []
  for (let asked = 0; asked < 50; asked++) {
    const started = performance.now()
    expect((await registry.fetch('/npm/local/main/hello')).status).toBe(200)
    times.push(performance.now() - started)
    await delay(5)
  }
  // A kept answer takes a millisecond or two; the rest is for machines that do other things at the same time.
  expect(times.toSorted((a, b) => a - b)[45]).toBeLessThan(250)
  const lasted = await Promise.all(slow.map(({ ended }) => ended))
  expect(Math.max(...lasted)).toBeLessThan(18_000)
}, 30_000)
