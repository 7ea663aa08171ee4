import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { ask, open } from '../../test/support/request.ts'
import type { KeptAnswer } from '../formats/format.ts'
import { send, sendError } from './respond.ts'
import { matchesEtag } from './validators.ts'

describe('whether a validator matches', () => {
  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a"', true],
    ['*', true],
    ['"b"', false],
    ['a', false],
    [undefined, false],
  ] as const)('%s', (list, expected) => expect(matchesEtag(list, '"a"')).toBe(expected))
})

/** A server that answers every request like this. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

describe('an answer that is made as it is sent', () => {
  const served = (pieces: () => AsyncGenerator<string>) =>
    serve((request, response) =>
      send(request, response, { kind: 'stream', pieces: pieces(), headers: { 'content-type': 'text/html' } }).catch(
        () => sendError(request, response, { status: 502, headers: {}, body: 'sorry' }),
      ),
    )

  it('arrives whole, with its type, for HEAD too', async () => {
    await using server = await served(async function* () {
      yield 'one, '
      yield 'two: é'
    })
    const answer = await ask(server.url)
    expect([answer.status, answer.body.toString()]).toEqual([200, 'one, two: é'])
    expect(answer.headers).toMatchObject({ 'content-type': 'text/html', vary: 'Accept, Authorization' })
    const head = await ask(server.url, { method: 'HEAD' })
    expect([head.status, head.body.length]).toEqual([200, 0])
  })

  it('that fails at once is an error, and one that fails later is cut off', async () => {
    await using atOnce = await served(async function* () {
      await Promise.reject(new Error('no'))
      yield 'never'
    })
    const refused = await ask(atOnce.url)
    expect([refused.status, refused.body.toString()]).toEqual([502, 'sorry'])
    await using later = await served(async function* () {
      yield 'half '
      throw new Error('no more')
    })
    await expect(ask(later.url)).rejects.toThrow(/aborted|ECONNRESET|hang up/)
  })

  it('ends with its reader', async () => {
    const hasEnded = Promise.withResolvers<string>()
    await using server = await served(async function* () {
      try {
        for (;;) yield 'on and on '.repeat(1000)
      } finally {
        hasEnded.resolve('ended')
      }
    })
    const response = await open(server.url)
    response.once('data', () => response.destroy())
    expect(await hasEnded.promise).toBe('ended')
  })
})

describe('a kept answer', () => {
  const kept: KeptAnswer = {
    body: Buffer.from('{"name":"hello"}'),
    contentType: 'application/json',
    etag: '"abc-i"',
    encoding: 'gzip',
    notice: 'held back: é',
    lastModified: Date.UTC(2024, 0, 2, 3, 4, 5),
    stale: true,
  }
  const served = (answer: KeptAnswer) =>
    serve((request, response) =>
      send(request, response, { kind: 'kept', answer, headers: { 'cache-control': 'private, no-cache' } }),
    )
  const ALWAYS = {
    etag: '"abc-i"',
    vary: 'Accept, Accept-Encoding, Authorization',
    'cache-control': 'private, no-cache',
    'last-modified': 'Tue, 02 Jan 2024 03:04:05 GMT',
    'npm-notice': 'held back: é',
    warning: '110 - "Response is Stale"',
    'x-content-type-options': 'nosniff',
  }

  it('goes out with its validators, its encoding and its length', async () => {
    await using server = await served(kept)
    const { status, headers, body } = await ask(server.url)
    expect([status, body.toString()]).toEqual([200, '{"name":"hello"}'])
    expect(headers).toMatchObject({ ...ALWAYS, 'content-encoding': 'gzip', 'content-length': '16' })
  })

  it('to HEAD: the same without the body', async () => {
    await using server = await served(kept)
    const { status, headers, body } = await ask(server.url, { method: 'HEAD' })
    expect([status, body.length]).toEqual([200, 0])
    expect(headers).toMatchObject({ ...ALWAYS, 'content-length': '16' })
  })

  it.each(['"abc-i"', 'W/"abc-i"', '"x", "abc-i"', '*'])('that the client has (%s) is not sent again', async (list) => {
    await using server = await served(kept)
    const { status, headers, body } = await ask(server.url, { headers: { 'if-none-match': list } })
    expect([status, body.length]).toEqual([304, 0])
    expect(headers).toMatchObject(ALWAYS)
    expect(headers['content-length']).toBeUndefined()
  })

  it('that is up to date says nothing of age', async () => {
    await using server = await served({ ...kept, stale: false, notice: null, lastModified: null, encoding: 'identity' })
    const { headers } = await ask(server.url)
    expect(['warning', 'npm-notice', 'last-modified', 'content-encoding'].map((name) => headers[name])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('an error', () => {
  const refusal = { status: 403, reasonPhrase: 'Not yours: caf\xe9', headers: { 'x-why': 'rights' }, body: 'not yours' }
  const refusing = () => serve((request, response) => sendError(request, response, refusal))
  const LARGE = 30_000_000

  it('has its own reason phrase', async () => {
    await using server = await refusing()
    expect(await ask(server.url)).toMatchObject({ status: 403, reason: 'Not yours: caf\xe9' })
    expect((await ask(server.url, { method: 'HEAD' })).body.length).toBe(0)
  })

  it('after a body that was read leaves the connection open', async () => {
    await using server = await serve(async (request, response) => {
      await text(request)
      sendError(request, response, refusal)
    })
    const { headers } = await ask(server.url, { method: 'POST', body: 'small', headers: { connection: 'keep-alive' } })
    expect(headers['connection']).toBe('keep-alive')
  })

  it('instead of a body that nobody read is seen by a client that sends all of it first', async () => {
    await using server = await refusing()
    const socket = connect(server.port, '127.0.0.1')
    const failures: unknown[] = []
    socket.on('error', (error) => failures.push(error))
    socket.write(`PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: ${LARGE}\r\n\r\n`)
    socket.pause()
    await new Promise((written) => socket.write(Buffer.alloc(LARGE), written))
    const answer = await text(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*connection: close[\s\S]*not yours$/i)
    expect(failures).toEqual([])
  })

  it('ends the connection of a client that sends no further', async () => {
    await using server = await refusing()
    const socket = connect(server.port, '127.0.0.1')
    socket.write('PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nGET /next HTTP/1.1\r\n\r\n')
    const begun = performance.now()
    expect((await text(socket)).match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  it('to a request without a body leaves the connection open, however early it comes', async () => {
    await using server = await refusing()
    const { headers } = await ask(server.url, { headers: { connection: 'keep-alive' } })
    expect(headers['connection']).toBe('keep-alive')
  })

  it('to HEAD with a body is not held up by it', async () => {
    await using server = await refusing()
    const socket = connect(server.port, '127.0.0.1')
    socket.write('HEAD / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n')
    const begun = performance.now()
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /)
    expect(performance.now() - begun).toBeLessThan(500)
  })

  it('after an answer was begun ends the connection instead', async () => {
    await using server = await serve((request, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' })
      response.write('some of it')
      setTimeout(() => sendError(request, response, refusal), 20)
    })
    await expect(ask(server.url)).rejects.toThrow(/aborted|ECONNRESET|hang up/)
  })
})
