import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp, type AppParts } from './app.ts'
import { createAddresses } from './addresses.ts'
import { listen, type Listening } from './listen.ts'
import { createLog } from './log.ts'
import type { ManagementDoor } from './management-door.ts'
import { createMetrics } from './metrics.ts'

// The door alone: one operation that says how much it was sent, and callers who are nobody.

const echo = {
  match: (method: string, path: string) =>
    path === '/api/echo' || path === '/v1/echo'
      ? { name: 'Echo', service: path === '/api/echo' ? 'granary' : 'codeartifact', method }
      : undefined,
  handle: async (_: unknown, { body }: { body: Uint8Array }) => ({
    status: 200,
    headers: {},
    body: `${body.length} bytes`,
  }),
  renderError: (_: unknown, error: { code?: string; message: string }) => ({
    status: 400,
    headers: {},
    body: `${error.code}: ${error.message}`,
  }),
}

let listening: Listening
beforeEach(async () => {
  const door: ManagementDoor = {
    management: echo as unknown as ManagementDoor['management'],
    addresses: createAddresses(['http://127.0.0.1'], []),
    authenticator: { management: async () => ({ caller: { kind: 'anonymous' }, payloadSha256: null }) },
    readTopology: async () => 1,
    bodyDeadlineMs: 300,
  }
  const app = createApp({
    log: createLog('silent'),
    metrics: createMetrics({
      blobs: async () => ({ bytes: 0, cachedBytes: 0, count: 0 }),
      deliveries: async () => ({ pending: 0, overdueSeconds: 0 }),
      upstreams: async () => [],
    }),
    accepting: () => true,
    ping: async () => {},
    jwks: async () => ({ keys: [] }),
    crossOrigins: new Set(),
    packages: { formats: new Map() } as unknown as AppParts['packages'],
    management: door,
  })
  listening = await listen(app, { host: '127.0.0.1', port: 0 })
})
afterEach(() => listening.stop(0))

const post = async (body: string) => {
  const response = await fetch(`http://127.0.0.1:${listening.port}/api/echo`, { method: 'POST', body })
  return { status: response.status, text: await response.text() }
}

it('an answer to a client of AWS names the request where it looks', async () => {
  const { headers } = await fetch(`http://127.0.0.1:${listening.port}/v1/echo`, { method: 'POST', body: 'hello' })
  expect(headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/)
  expect(headers.get('x-amzn-requestid')).toBe(headers.get('x-request-id'))
})

describe('the body of a management request', () => {
  it('is read whole', async () => {
    expect(await post('hello')).toEqual({ status: 200, text: '5 bytes' })
  })

  it('that is too large is refused, with an answer', async () => {
    const { status, text } = await post('x'.repeat(1024 * 1024 + 1))
    expect({ status, text }).toEqual({ status: 400, text: expect.stringMatching(/^too_large: .*1048576 bytes/) })
  })

  it('that comes a byte now and then is not waited for', async () => {
    const socket = connect(listening.port, '127.0.0.1')
    // What is still being written to a connection that was ended may be answered by a reset; it closes either way.
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.resume().on('close', resolve))
    socket.write('POST /api/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n')
    const dripping = setInterval(() => socket.write('x'), 50)
    const began = performance.now()
    await closed
    clearInterval(dripping)
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(await post('still serving')).toMatchObject({ status: 200 })
  })
})
