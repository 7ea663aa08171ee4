import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { carry, writeHead } from './head.ts'

async function answered(serve: RequestListener): Promise<Response> {
  await using server = createServer(serve)
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening))
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
    headers: { connection: 'close' },
  })
  await response.text()
  return response
}

describe('the head of an answer', () => {
  it('has what it was given to carry beside its own headers', async () => {
    const { status, headers } = await answered((_, response) => {
      carry(response, 'x-request-id', 'r1')
      carry(response, 'x-cache', 'hit')
      writeHead(response, 404, { etag: '"e"' })
      response.end()
    })
    expect(status).toBe(404)
    expect(Object.fromEntries(headers)).toMatchObject({ 'x-request-id': 'r1', 'x-cache': 'hit', etag: '"e"' })
  })

  it('has nothing of another answer', async () => {
    const { headers, statusText } = await answered((_, response) => {
      writeHead(response, 409, {}, 'Exists Already')
      response.end()
    })
    expect(statusText).toBe('Exists Already')
    expect(headers.has('x-request-id')).toBe(false)
  })

  it('depends on all that either says it does', async () => {
    const { headers } = await answered((_, response) => {
      carry(response, 'vary', 'Origin')
      writeHead(response, 200, { vary: 'Accept' })
      response.end()
    })
    expect(headers.get('vary')).toBe('Accept, Origin')
  })

  it('says what the answer itself says, where both name a header', async () => {
    const { headers } = await answered((_, response) => {
      carry(response, 'x-cache', 'miss')
      writeHead(response, 200, { 'x-cache': 'hit' })
      response.end()
    })
    expect(headers.get('x-cache')).toBe('hit')
  })
})
