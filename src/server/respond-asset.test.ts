import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, open } from '../../test/support/request.ts'
import type { OpenedAsset } from '../registry/read.ts'
import { sendAsset } from './respond-asset.ts'
import { sendError } from './respond.ts'

const CONTENT = randomBytes(700_000)
const ETAG = '"e"'

/** What the server is told to send, and what became of it. */
type Served = {
  asset: Partial<OpenedAsset>
  content: Buffer
  /** Called before each read; what it throws the read throws. */
  onRead: (position: number) => Promise<void> | void
  opened: number
  disposed: number
  reads: number[]
  failures: unknown[]
}
let served: Served
let server: Server
let url = ''

beforeEach(async () => {
  served = { asset: {}, content: CONTENT, onRead: () => {}, opened: 0, disposed: 0, reads: [], failures: [] }
  server = createServer((request, response) => {
    const { content } = served
    served.opened += 1
    const body: OpenedAsset['body'] = {
      size: content.length,
      async read(into, position) {
        served.reads.push(position)
        await served.onRead(position)
        return content.copy(into, 0, position, position + into.length)
      },
      [Symbol.asyncDispose]: async () => void (served.disposed += 1),
    }
    const asset: OpenedAsset = {
      file: 'hello-1.0.0.tgz',
      version: '1.0.0',
      sha256: createHash('sha256').update(content).digest('hex'),
      etag: ETAG,
      size: content.length,
      body,
      cache: 'hit',
      ...served.asset,
    }
    sendAsset(request, response, asset, { 'content-type': 'application/octet-stream' }).catch((error: unknown) => {
      served.failures.push(error)
      sendError(request, response, { status: 500, headers: {}, body: 'failed' })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})
const allDisposed = async () => {
  await expect.poll(() => served.disposed).toBe(served.opened)
}
const get = async (headers: Record<string, string> = {}, method = 'GET') => {
  const answer = await ask(url, { headers, method })
  await allDisposed()
  return answer
}

describe('a file', () => {
  it('is sent whole, with what says what it is', async () => {
    const { status, headers, body } = await get()
    expect(status).toBe(200)
    expect(body.equals(CONTENT)).toBe(true)
    expect(headers).toMatchObject({
      'content-length': String(CONTENT.length),
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="hello-1.0.0.tgz"',
      'content-security-policy': "default-src 'none'; sandbox",
      'accept-ranges': 'bytes',
      etag: ETAG,
    })
  })

  it('without bytes is sent as such', async () => {
    served.content = Buffer.alloc(0)
    expect(await get()).toMatchObject({ status: 200, headers: { 'content-length': '0' } })
    expect((await get({ range: 'bytes=0-' })).status).toBe(500)
    expect(served.failures).toMatchObject([{ code: 'range', details: { size: 0 } }])
  })

  it('whose size nobody knows comes in chunks, and whole', async () => {
    served.asset = { size: null, body: undefined as never }
    const body = {
      size: null,
      read: async (into: Uint8Array, position: number) => CONTENT.copy(into, 0, position, position + into.length),
      [Symbol.asyncDispose]: async () => void (served.disposed += 1),
    }
    served.asset = { size: null, body }
    const { status, headers, body: got } = await get({ range: 'bytes=0-9' })
    expect([status, headers['transfer-encoding'], headers['content-length']]).toEqual([200, 'chunked', undefined])
    expect(got.equals(CONTENT)).toBe(true)
  })

  it('with a name from anywhere writes no header of its own', async () => {
    served.asset = { file: 'a"b\r\nset-cookie: x; é.tgz' }
    const { headers } = await get()
    expect(headers['content-disposition']).toBe('attachment; filename="a_b__set-cookie__x___.tgz"')
    expect(headers['set-cookie']).toBeUndefined()
  })

  it('is not read where only its headers are wanted', async () => {
    const { status, headers, body } = await get({ range: 'bytes=0-9' }, 'HEAD')
    // RFC 9110 14.2: a range means something to GET alone.
    expect([status, headers['content-length'], body.length]).toEqual([200, String(CONTENT.length), 0])
    expect(served.reads).toEqual([])
  })
})

describe('conditions', () => {
  it.each([
    [{ 'if-none-match': ETAG }, 304],
    [{ 'if-none-match': `"other", W/${ETAG}` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-none-match': ETAG, range: 'bytes=0-9' }, 304],
    [{ range: 'bytes=0-9', 'if-range': ETAG }, 206],
    [{ range: 'bytes=0-9', 'if-range': '"other"' }, 200],
    [{ range: 'bytes=0-9', 'if-range': `W/${ETAG}` }, 200],
    [{ range: 'bytes=0-9', 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 200],
  ] as readonly (readonly [Record<string, string>, number])[])('%j: %i', async (headers, status) => {
    const answer = await get(headers)
    expect(answer.status).toBe(status)
    expect(answer.headers['etag']).toBe(ETAG)
    if (status === 304) {
      expect(answer.headers['content-length']).toBeUndefined()
      expect(served.reads).toEqual([])
    }
  })

  it('do not hold where a file has no validator yet', async () => {
    served.asset = { etag: null }
    expect((await get({ 'if-none-match': '*' })).status).toBe(200)
    expect((await get({ range: 'bytes=0-9', 'if-range': '"x"' })).status).toBe(200)
    expect((await get({ range: 'bytes=0-9' })).status).toBe(206)
  })
})

describe('ranges', () => {
  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-300099', 100, 300_100],
    ['bytes=-5', 699_995, 700_000],
    ['bytes=699999-', 699_999, 700_000],
  ])('%s', async (range, from, until) => {
    const { status, headers, body } = await get({ range })
    expect(status).toBe(206)
    expect(headers['content-range']).toBe(`bytes ${from}-${until - 1}/700000`)
    expect(headers['content-length']).toBe(String(until - from))
    expect(body.equals(CONTENT.subarray(from, until))).toBe(true)
  })

  it('that lie outside are refused with the size', async () => {
    await get({ range: 'bytes=700000-' })
    expect(served.failures).toMatchObject([{ code: 'range', details: { size: 700_000 } }])
  })

  it('of a file that still arrives wait until it was verified', async () => {
    served.asset = { cache: 'miss' }
    await get({ range: 'bytes=10-19' })
    expect(served.reads).toEqual([699_999, 10])
    served.reads = []
    served.onRead = (position) => {
      if (position === 699_999) throw new Error('other bytes than declared')
    }
    const { status, body } = await get({ range: 'bytes=10-19' })
    expect([status, body.toString()]).toEqual([500, 'failed'])
  })
})

describe('what goes wrong', () => {
  it('before the first byte is told', async () => {
    served.onRead = () => {
      throw new Error('lost')
    }
    expect(await get()).toMatchObject({ status: 500 })
  })

  it.each(['with a length', 'in chunks'])('after it ends the connection, never the answer: %s', async (how) => {
    served.onRead = (position) => {
      if (position > 300_000) throw new Error('lost')
    }
    if (how === 'in chunks') served.asset = { size: null, body: unsized() }
    await expect(ask(url)).rejects.toThrow(/aborted|ECONNRESET|hang up/)
    await allDisposed()
    expect(served.failures).toHaveLength(1)
  })

  it('a file that is shorter than it should be is no whole answer', async () => {
    served.asset = { size: CONTENT.length + 1 }
    await expect(ask(url)).rejects.toThrow(/aborted|ECONNRESET|hang up/)
    await allDisposed()
    expect(served.failures).toMatchObject([{ message: expect.stringContaining('ended after 700000 of 700001') }])
  })

  const unsized = (): OpenedAsset['body'] => ({
    size: null,
    async read(into, position) {
      await served.onRead(position)
      return CONTENT.copy(into, 0, position, position + into.length)
    },
    [Symbol.asyncDispose]: async () => void (served.disposed += 1),
  })
})

describe('a client that leaves', () => {
  it('in the middle lets go of the file, and is no failure', async () => {
    served.content = Buffer.alloc(30_000_000)
    const answer = await open(url)
    answer.on('error', () => {})
    await once(answer, 'readable')
    answer.destroy()
    await allDisposed()
    expect(served.failures).toEqual([])
    expect(served.reads.at(-1)).toBeLessThan(29_000_000)
  })

  it('while the file still arrives lets go of it with the next bytes', async () => {
    const gate = Promise.withResolvers<void>()
    served.onRead = (position) => (position > 300_000 ? gate.promise : undefined)
    const answer = await open(url)
    answer.on('error', () => {})
    await once(answer, 'readable')
    answer.destroy()
    await once(answer, 'close')
    gate.resolve()
    await allDisposed()
    expect(served.failures).toEqual([])
  })

  it('before answers to what it asked one behind the other lets go of all their files', async () => {
    served.content = Buffer.alloc(5_000_000)
    const { port } = server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(20))
    await once(socket, 'readable')
    await expect.poll(() => served.opened).toBeGreaterThan(1)
    socket.destroy()
    await allDisposed()
    expect(served.failures).toEqual([])
  })
})
