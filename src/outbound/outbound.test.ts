import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readBody } from './body.ts'
import { createOutbound, type OutboundOptions } from './outbound.ts'
import type { OutboundRequest } from './request.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

async function serve(handler: Handler) {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    handler(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = (server.address() as AddressInfo).port
  return {
    requests,
    server,
    port,
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const open = (options: Partial<OutboundOptions> = {}) =>
  createOutbound({ allowPrivate: [], userAgent: 'granary-test', ...options })
const soon = () => Date.now() + 5_000
const ok: Handler = (_request, response) => void response.end('ok')
const redirect =
  (to: string, status = 302): Handler =>
  (_request, response) =>
    void response.writeHead(status, { location: to }).end()

async function textOf(
  outbound: ReturnType<typeof open>,
  request: Omit<OutboundRequest, 'deadline'> & { deadline?: number },
) {
  const response = await outbound.request({ deadline: soon(), ...request })
  return { ...response, text: (await readBody(response, { maxBytes: 1_000_000 })).toString() }
}

describe('addresses', () => {
  it('reaches no private address that nobody declared, however it is written', async () => {
    await using canary = await serve(ok)
    await using outbound = open()
    const spellings = [
      '127.0.0.1',
      'localhost',
      '[::ffff:127.0.0.1]',
      '[::1]',
      '0.0.0.0',
      '2130706433',
      '0x7f.1',
      '127.1',
    ]
    for (const host of spellings) {
      const asked = outbound.request({ url: `http://${host}:${canary.port}/`, deadline: soon() })
      await expect(asked).rejects.toMatchObject({ name: 'OutboundError', code: 'refused-address' })
    }
    expect(canary.requests).toHaveLength(0)
  })

  it('reaches a declared origin, and only that', async () => {
    await using declared = await serve(ok)
    await using canary = await serve(ok)
    await using outbound = open()
    const declaredOrigins = [declared.origin]
    expect((await textOf(outbound, { url: `${declared.origin}/x`, declaredOrigins })).text).toBe('ok')
    await expect(
      outbound.request({ url: `${canary.origin}/`, declaredOrigins, deadline: soon() }),
    ).rejects.toMatchObject({
      code: 'refused-address',
    })
    expect(canary.requests).toHaveLength(0)
  })

  it('does not lend the open connection of a declared origin to a request that does not declare it', async () => {
    await using declared = await serve(ok)
    await using outbound = open()
    await textOf(outbound, { url: `${declared.origin}/`, declaredOrigins: [declared.origin] })
    await expect(outbound.request({ url: `${declared.origin}/secret`, deadline: soon() })).rejects.toMatchObject({
      code: 'refused-address',
    })
    expect(declared.requests).toHaveLength(1)
  })

  it("reaches what the operator's list names", async () => {
    await using server = await serve(ok)
    await using byRange = open({ allowPrivate: ['127.0.0.0/8'] })
    await using byHost = open({ allowPrivate: ['localhost'] })
    expect((await textOf(byRange, { url: server.origin })).text).toBe('ok')
    expect((await textOf(byHost, { url: `http://localhost:${server.port}/` })).text).toBe('ok')
    await expect(byHost.request({ url: server.origin, deadline: soon() })).rejects.toMatchObject({
      code: 'refused-address',
    })
  })

  it('never reaches link-local addresses', async () => {
    await using outbound = open({ allowPrivate: true })
    const url = 'http://169.254.169.254/latest/meta-data/'
    const asked = outbound.request({ url, declaredOrigins: ['http://169.254.169.254'], deadline: soon() })
    await expect(asked).rejects.toMatchObject({ code: 'refused-address' })
  })

  it('connects to the address that was checked, though the name answers differently the next time', async () => {
    await using canary = await serve(ok)
    let asked = 0
    const resolve: OutboundOptions['resolve'] = (_host, _options, callback) => {
      asked += 1
      callback(null, [{ address: asked === 1 ? '127.0.0.1' : '8.8.8.8', family: 4 }]) // a second look would find it public
    }
    await using outbound = open({ resolve })
    const first = outbound.request({ url: `http://rebind.example:${canary.port}/`, deadline: soon() })
    await expect(first).rejects.toMatchObject({ code: 'refused-address' })
    expect(asked).toBe(1)
    expect(canary.requests).toHaveLength(0)
  })

  it('leaves private addresses out of what a name resolves to', async () => {
    await using server = await serve(ok)
    const resolve: OutboundOptions['resolve'] = (_host, _options, callback) =>
      callback(null, [
        { address: '169.254.169.254', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ])
    await using outbound = open({ resolve, allowPrivate: ['127.0.0.1'] })
    expect((await textOf(outbound, { url: `http://both.example:${server.port}/` })).text).toBe('ok')
  })
})

describe('a look ahead', () => {
  const resolve: OutboundOptions['resolve'] = (host, _options, callback) => {
    const known: Record<string, string[]> = {
      'inside.example': ['10.0.0.1'],
      'both.example': ['10.0.0.1', '8.8.8.8'],
      'outside.example': ['8.8.8.8'],
    }
    const addresses = known[host]
    if (addresses)
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      )
    else callback(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }), [])
  }

  it.each([
    ['http://10.0.0.1/', 'refused-address'],
    ['http://[::ffff:10.0.0.1]/', 'refused-address'],
    ['http://2130706433/', 'refused-address'],
    ['https://inside.example/', 'refused-address'],
    ['ftp://outside.example/', 'protocol'],
    ['https://user:secret@outside.example/', 'protocol'],
    ['no URL', 'protocol'],
  ])('refuses %s', async (url, code) => {
    await using outbound = open({ resolve })
    await expect(outbound.check(url)).rejects.toMatchObject({ name: 'OutboundError', code })
  })

  it.each(['https://outside.example/', 'https://both.example/', 'https://not-there-yet.example/', 'http://8.8.8.8/'])(
    'lets %s pass',
    async (url) => {
      await using outbound = open({ resolve })
      expect(await outbound.check(url)).toBeUndefined()
    },
  )

  it("heeds the operator's list, and leaves names to the proxy", async () => {
    await using permitted = open({ resolve, allowPrivate: ['10.0.0.0/8'] })
    expect(await permitted.check('https://inside.example/')).toBeUndefined()
    await using proxied = open({ resolve, proxy: 'http://127.0.0.1:9' })
    expect(await proxied.check('https://inside.example/')).toBeUndefined()
    await expect(proxied.check('https://10.0.0.1/')).rejects.toMatchObject({ code: 'refused-address' })
  })
})

describe('redirects', () => {
  it('follows hop by hop and tells where it ended', async () => {
    await using last = await serve(ok)
    await using middle = await serve(redirect(`${last.origin}/end`, 307))
    await using first = await serve(redirect(`${middle.origin}/next`))
    await using outbound = open({ allowPrivate: true })
    const answer = await textOf(outbound, { url: first.origin })
    expect(answer).toMatchObject({ status: 200, text: 'ok', url: `${last.origin}/end` })
  })

  it.each([1, 3])('judges the address of every hop (%i hops)', async (hops) => {
    await using canary = await serve(ok)
    let left = hops
    await using server = await serve((request, response) => {
      left -= 1
      redirect(left > 0 ? `http://127.0.0.1:${server.port}/${left}` : `${canary.origin}/`)(request, response)
    })
    await using outbound = open()
    const asked = outbound.request({ url: server.origin, declaredOrigins: [server.origin], deadline: soon() })
    await expect(asked).rejects.toMatchObject({ code: 'refused-address' })
    expect(server.requests).toHaveLength(hops)
    expect(canary.requests).toHaveLength(0)
  })

  it('ends an endless chain', async () => {
    await using server = await serve((_request, response) => void response.writeHead(302, { location: '/again' }).end())
    await using outbound = open({ allowPrivate: true })
    await expect(outbound.request({ url: server.origin, deadline: soon() })).rejects.toMatchObject({ code: 'redirect' })
    expect(server.requests).toHaveLength(6)
  })

  it.each(['ftp://files.example/x', 'file:///etc/passwd', 'http://user:secret@files.example/'])(
    'does not follow to %s',
    async (to) => {
      await using server = await serve(redirect(to))
      await using outbound = open({ allowPrivate: true })
      const error = await outbound.request({ url: server.origin, deadline: soon() }).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ name: 'OutboundError', code: 'protocol' })
      expect(String(error)).not.toContain('secret')
    },
  )

  it('stays within the origins that it is given', async () => {
    await using other = await serve(ok)
    await using server = await serve(redirect(other.origin))
    await using outbound = open({ allowPrivate: true })
    const asked = outbound.request({ url: server.origin, allowedOrigins: [server.origin], deadline: soon() })
    await expect(asked).rejects.toMatchObject({ code: 'refused-address' })
    expect(other.requests).toHaveLength(0)
  })

  it('gives the redirect itself where none is wanted, and for a POST', async () => {
    await using server = await serve(redirect('/elsewhere', 308))
    await using outbound = open({ allowPrivate: true })
    expect((await textOf(outbound, { url: server.origin, maxRedirects: 0 })).status).toBe(308)
    expect((await textOf(outbound, { url: server.origin, method: 'POST', body: '{}' })).status).toBe(308)
    expect(server.requests).toHaveLength(2)
  })
})

describe('credentials', () => {
  it('go to their own origin only', async () => {
    await using thief = await serve(ok)
    await using owner = await serve(redirect(`${thief.origin}/loot`))
    await using outbound = open({ allowPrivate: true })
    await textOf(outbound, {
      url: owner.origin,
      credentials: { origin: owner.origin, header: 'Bearer secret' },
      headers: {
        Cookie: 'secret',
        'X-Api-Key': 'secret',
        'Proxy-Authorization': 'secret',
        Host: 'secret.example',
        accept: 'text/html',
      },
    })
    expect(owner.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer secret',
      cookie: 'secret',
      host: new URL(owner.origin).host,
    })
    expect(thief.requests).toHaveLength(1)
    expect(JSON.stringify(thief.requests[0]?.headers)).not.toContain('secret')
    expect(thief.requests[0]?.headers['accept']).toBe('text/html')
  })

  it('are not sent when the first request goes elsewhere, nor for a challenge', async () => {
    await using evil = await serve(ok)
    await using server = await serve((_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${evil.origin}/token"` }).end('no')
    })
    await using outbound = open({ allowPrivate: true })
    const answer = await textOf(outbound, {
      url: server.origin,
      credentials: { origin: evil.origin, header: 'Bearer secret' },
    })
    expect(answer.status).toBe(401)
    expect(server.requests[0]?.headers['authorization']).toBeUndefined()
    expect(evil.requests).toHaveLength(0)
  })

  it('never stand in a message', async () => {
    await using outbound = open({ allowPrivate: true })
    const error = await outbound
      .request({ url: 'http://127.0.0.1:1/path?token=secret', deadline: soon() })
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'connect' })
    expect(String(error)).not.toContain('secret')
  })
})

describe('deadlines', () => {
  const hang: Handler = () => {}
  const dribble: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('some')
  }
  it.each([
    ['no answer', hang, { headers: 200 }],
    ['a body that stops', dribble, { idle: 200 }],
  ])('end %s', async (_title, handler, timeouts) => {
    await using server = await serve(handler)
    await using outbound = open({ allowPrivate: true, timeouts })
    await expect(textOf(outbound, { url: server.origin })).rejects.toMatchObject({ code: 'timeout' })
  })

  it.each([
    ['before the headers', hang],
    ['within the body', dribble],
  ])('hold in all: %s', async (_title, handler) => {
    await using server = await serve(handler)
    await using outbound = open({ allowPrivate: true })
    const begun = Date.now()
    await expect(textOf(outbound, { url: server.origin, deadline: begun + 150 })).rejects.toMatchObject({
      code: 'timeout',
    })
    expect(Date.now() - begun).toBeLessThan(2_000)
  })

  it("end with the caller's own reason when the caller aborts", async () => {
    await using server = await serve(hang)
    await using outbound = open({ allowPrivate: true })
    const controller = new AbortController()
    const asked = outbound.request({ url: server.origin, signal: controller.signal, deadline: soon() })
    controller.abort(new Error('changed my mind'))
    await expect(asked).rejects.toThrow('changed my mind')
  })

  it.each([
    ['at once', ((_request, response) => void response.socket?.resetAndDestroy()) as Handler],
    [
      'within the body',
      ((_request, response) => {
        response.writeHead(200, { 'content-length': '100' })
        response.write('some', () => setTimeout(() => response.socket?.destroy(), 20))
      }) as Handler,
    ],
  ])('tell a connection that broke %s', async (_title, handler) => {
    await using server = await serve(handler)
    await using outbound = open({ allowPrivate: true })
    await expect(textOf(outbound, { url: server.origin })).rejects.toMatchObject({ code: 'reset' })
  })
})

describe('readBody', () => {
  const encoded = {
    gzip: gzipSync('hello'),
    br: brotliCompressSync('hello'),
    zstd: zstdCompressSync('hello'),
    identity: Buffer.from('hello'),
  }
  it.each(Object.entries(encoded))('undoes %s', async (encoding, body) => {
    await using server = await serve(
      (_request, response) => void response.writeHead(200, { 'content-encoding': encoding }).end(body),
    )
    await using outbound = open({ allowPrivate: true })
    expect((await textOf(outbound, { url: server.origin })).text).toBe('hello')
  })

  it.each([
    ['an encoding that nobody asked for', { 'content-encoding': 'rot13' }, Buffer.from('uryyb'), 'protocol'],
    ['bytes that are not what they say', { 'content-encoding': 'gzip' }, Buffer.from('hello'), 'protocol'],
    ['a body that unpacks to too much', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(5_000_000)), 'too-large'],
    ['a body that is too long', {}, Buffer.alloc(2_000_000), 'too-large'],
  ])('refuses %s', async (_title, headers, body, code) => {
    await using server = await serve((_request, response) => void response.writeHead(200, headers).end(body))
    await using outbound = open({ allowPrivate: true })
    await expect(textOf(outbound, { url: server.origin })).rejects.toMatchObject({ name: 'OutboundError', code })
  })
})

it('tunnels https through the proxy, and checks what is written as an address before', async () => {
  const tunnels: string[] = []
  await using proxy = await serve(ok)
  proxy.server.on('connect', (request, socket) => {
    tunnels.push(request.url ?? '')
    socket.on('error', () => {}).end('HTTP/1.1 502 No\r\n\r\n')
  })
  await using outbound = open({ proxy: proxy.origin })
  await expect(outbound.request({ url: 'https://registry.example/', deadline: soon() })).rejects.toMatchObject({
    code: 'connect',
  })
  await expect(outbound.request({ url: 'https://10.0.0.1/', deadline: soon() })).rejects.toMatchObject({
    code: 'refused-address',
  })
  expect(tunnels).toEqual(['registry.example:443'])
})
