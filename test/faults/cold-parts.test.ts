import { randomBytes } from 'node:crypto'
import { access } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { storedFiles } from '../support/stored-files.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream, type PublishedPypi } from '../support/upstream/pypi.ts'
import type { Fault } from '../support/upstream/faults.ts'

// HEAD of files, and ranges of wheels, that are not here: the upstream is asked for no more than the client was.

const MEBIBYTE = 1024 * 1024
const PATIENT = { timeout: 20_000 }
const CONTENT = randomBytes(24 * MEBIBYTE)

let pypi: PypiUpstream
let registry: TestRegistry
let wheel: PublishedPypi
let size = 0
let url = ''
beforeEach(async () => {
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
  const [published] = await pypi.publish({ name: 'hello', version: '1.0', files: { 'hello/data.bin': CONTENT } })
  wheel = published as PublishedPypi
  size = wheel.bytes.length
  url = `/pypi/local/main${wheel.path}`
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

async function ask(headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const answer = await registry.fetch(url, { method, headers })
  const { status } = answer
  const header = (name: string) => answer.headers.get(name)
  return { status, header, body: Buffer.from(await answer.arrayBuffer()) }
}

const range = (value: string) => ask({ range: `bytes=${value}` })

const isStored = (): Promise<boolean> =>
  access(storedFiles(registry.data).pathOf(wheel.sha256)).then(
    () => true,
    () => false,
  )

describe('HEAD of a file that is not here', () => {
  it('is answered from the index', async () => {
    const { status, header } = await ask({}, 'HEAD')
    expect([status, header('content-length'), header('accept-ranges')]).toEqual([200, String(size), 'bytes'])
    expect(header('etag')).toBe(`"${wheel.sha256.slice(0, 40)}"`)
    expect(header('cache-control')).toBe('private, max-age=600')
    expect(pypi.countOf(wheel.path)).toBe(0)
    await ask()
    const warm = await ask({}, 'HEAD')
    expect(warm.header('etag')).toBe(header('etag'))
    expect(warm.header('cache-control')).toContain('immutable')
  })

  it('is not said to be unchanged for ever', async () => {
    const known = (await ask({}, 'HEAD')).header('etag') ?? ''
    const { status, header } = await ask({ 'if-none-match': known }, 'HEAD')
    expect([status, header('cache-control')]).toEqual([304, 'private, max-age=600'])
  })

  it('is asked of the upstream where the index does not say the size', async () => {
    await using npm = await startNpmUpstream()
    await using other = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npm.url })
    const { file, path, bytes } = await npm.publish({ name: 'big', version: '1.0.0', tarballBytes: CONTENT })
    const head = await other.fetch(`/npm/local/main/big/-/${file}`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)])
    expect(npm.requests.filter((seen) => seen.path === path).map(({ method }) => method)).toEqual(['HEAD'])
    // A range is cut out of the whole, verified: nobody looks into a tarball for less.
    const part = await other.fetch(`/npm/local/main/big/-/${file}`, { headers: { range: 'bytes=-5' } })
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(-5))
    expect(part.headers.get('cache-control')).toContain('immutable')
    expect(npm.bytesOf(path)).toBe(bytes.length)
  })

  it('begins the download where the upstream knows no HEAD', async () => {
    await using npm = await startNpmUpstream()
    await using other = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npm.url })
    npm.giveRanges('no-head')
    const { file, bytes } = await npm.publish({ name: 'big', version: '1.0.0', tarballBytes: CONTENT })
    const head = await other.fetch(`/npm/local/main/big/-/${file}`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)])
  })
})

describe('a range of a wheel that is not here', () => {
  it.each([
    { of: 'its end', asked: '-70000', from: () => size - 70_000, to: () => size },
    { of: 'its middle', asked: '12000000-12000099', from: () => 12_000_000, to: () => 12_000_100 },
    { of: 'its beginning', asked: '0-99', from: () => 0, to: () => 100 },
    { of: 'its last third', asked: '17000000-', from: () => 17_000_000, to: () => size },
  ])('($of) is all that the upstream is asked for', async ({ asked, from, to }) => {
    const { status, header, body } = await range(asked)
    expect(status).toBe(206)
    expect(header('content-range')).toBe(`bytes ${from()}-${to() - 1}/${size}`)
    expect(body.equals(wheel.bytes.subarray(from(), to()))).toBe(true)
    // Nobody verified it: it must not be put together with what somebody did.
    expect(header('cache-control')).toBe('no-store')
    expect(pypi.bytesOf(wheel.path)).toBe(body.length)
    expect(await isStored()).toBe(false)
  })

  it('that goes beyond the file is cut, and one that lies outside is refused, without a request', async () => {
    const outside = await range(`${size}-`)
    expect([outside.status, outside.header('content-range')]).toEqual([416, `bytes */${size}`])
    expect((await range('-0')).status).toBe(416)
    expect(pypi.countOf(wheel.path)).toBe(0)
    const cut = await range(`${size - 5}-${size + 5}`)
    expect([cut.status, cut.header('content-range')]).toEqual([206, `bytes ${size - 5}-${size - 1}/${size}`])
  })

  it('that is a suffix longer than the file is the file, verified', async () => {
    const { status, header, body } = await range(`-${size + 1}`)
    expect([status, header('content-range')]).toEqual([206, `bytes 0-${size - 1}/${size}`])
    expect(body.equals(wheel.bytes)).toBe(true)
    expect(await isStored()).toBe(true)
  })

  it('is given on condition of the ETag that the index makes, and the whole on another', async () => {
    const etag = `"${wheel.sha256.slice(0, 40)}"`
    expect((await ask({ range: 'bytes=-5', 'if-range': etag })).status).toBe(206)
    const { status, body } = await ask({ range: 'bytes=-5', 'if-range': '"other"' })
    expect([status, body.length]).toEqual([200, size])
  })

  it('is one request upstream, however many ask at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => range('-20000')))
    expect(answers.every(({ body }) => body.equals(wheel.bytes.subarray(-20_000)))).toBe(true)
    expect(pypi.bytesOf(wheel.path)).toBeLessThan(100_000)
  })

  it('comes out of the whole once half of it was given in parts', async () => {
    for (let at = 0; at < size; at += 4 * MEBIBYTE) {
      const { body } = await range(`${at}-${at + 4 * MEBIBYTE - 1}`)
      expect(body.equals(wheel.bytes.subarray(at, at + 4 * MEBIBYTE))).toBe(true)
    }
    expect(await isStored()).toBe(true)
    expect(pypi.bytesOf(wheel.path)).toBeLessThan(1.6 * size)
  })
})

describe('while the file is on its way', () => {
  it('what has arrived of it is given at once, and what has not is asked for', async () => {
    const gate = Promise.withResolvers<void>()
    pypi.faults.on(wheel.path, { kind: 'stall', after: 8 * MEBIBYTE, until: gate.promise }, { times: 1 })
    const whole = ask()
    await expect.poll(() => pypi.countOf(wheel.path), PATIENT).toBe(1)
    await expect
      .poll(async () => {
        const { header, body } = await range('7000000-7000099')
        expect(body.equals(wheel.bytes.subarray(7_000_000, 7_000_100))).toBe(true)
        return header('cache-control')
      }, PATIENT)
      .toBe('no-store')
    expect((await range('-100')).body.equals(wheel.bytes.subarray(-100))).toBe(true)
    gate.resolve()
    expect((await whole).body.equals(wheel.bytes)).toBe(true)
    const { header } = await range('-100')
    expect(header('cache-control')).toContain('immutable')
  })
})

describe('where the upstream fails in the middle of a range', () => {
  it.each<{ readonly what: string; readonly fault: Fault }>([
    { what: 'cuts it', fault: { kind: 'truncate', after: 50 } },
    { what: 'resets the connection', fault: { kind: 'reset', after: 50 } },
    { what: 'answers 503', fault: { kind: 'status', status: 503 } },
  ])('($what) once, it is asked again; always, it is an error and no short answer', async ({ fault }) => {
    pypi.faults.on(wheel.path, fault, { times: 1 })
    expect((await range('-100')).body.equals(wheel.bytes.subarray(-100))).toBe(true)
    pypi.faults.on(wheel.path, fault)
    expect((await range('-200')).status).toBe(502)
  })

  it('(is slow) the answer is no later than any other', async () => {
    pypi.faults.on(wheel.path, { kind: 'slow', bytesPerSecond: 20 })
    const begun = Date.now()
    expect((await range('-5000')).status).toBe(504)
    expect(Date.now() - begun).toBeLessThan(35_000)
  })

  it('(another file lies there) nothing of it is given', async () => {
    pypi.giveRanges('other-total')
    expect((await range('-100')).body.equals(wheel.bytes.subarray(-100))).toBe(true)
    expect(await isStored()).toBe(true)
  })
})
