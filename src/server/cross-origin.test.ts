import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRegistry, type TestRegistry } from '../../test/support/server.ts'

// Pages in a browser, whose questions these requests are.

const LAB = 'https://lab.example'
const INDEX = '/pypi/local/main/simple/'

let registry: TestRegistry
let closed: TestRegistry
beforeAll(async () => {
  registry = await startRegistry({ GRANARY_CORS_ORIGINS: `${LAB}, http://localhost:8000` })
  closed = await startRegistry()
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await closed[Symbol.asyncDispose]()
})

const preflight = (at: TestRegistry, path: string, origin: string, method = 'GET') =>
  at.fetch(path, {
    method: 'OPTIONS',
    token: null,
    headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' },
  })

describe('a page of an origin that is allowed', () => {
  it.each([LAB, 'http://localhost:8000'])('%s may ask with a token, and read what it is told', async (origin) => {
    const asked = await preflight(registry, INDEX, origin)
    expect(asked.status).toBe(204)
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': expect.stringContaining('Authorization'),
    })
    const told = await registry.fetch(INDEX, { headers: { origin } })
    expect(told.status).toBe(200)
    expect(told.headers.get('access-control-allow-origin')).toBe(origin)
    expect(told.headers.get('vary')).toBe('Accept, Authorization, Origin')
    // Its token is all that it may bring: no cookie, no log-in that the browser knows.
    expect(told.headers.has('access-control-allow-credentials')).toBe(false)
  })

  it('may read why it is refused', async () => {
    const told = await registry.fetch(INDEX, { token: null, headers: { origin: LAB } })
    expect(told.status).toBe(401)
    expect(told.headers.get('access-control-allow-origin')).toBe(LAB)
  })

  it.each(['POST', 'PUT', 'DELETE'])('may not %s', async (method) => {
    const asked = await preflight(registry, '/pypi/local/main/', LAB, method)
    expect(asked.ok).toBe(false)
    expect(asked.headers.has('access-control-allow-origin')).toBe(false)
    const told = await registry.fetch('/pypi/local/main/', { method, headers: { origin: LAB } })
    expect(told.headers.has('access-control-allow-origin')).toBe(false)
  })

  it.each(['/api/accounts', '/v1/domains', '/'])('may not read %s', async (path) => {
    const told = await registry.fetch(path, { headers: { origin: LAB } })
    expect(told.headers.has('access-control-allow-origin')).toBe(false)
  })
})

describe('a page of another origin', () => {
  it.each(['https://evil.example', 'https://lab.example.evil.example', 'http://lab.example', 'null', `${LAB}:8443`])(
    '%s may neither ask with a token nor read what it is told',
    async (origin) => {
      const asked = await preflight(registry, INDEX, origin)
      expect(asked.ok).toBe(false)
      expect(asked.headers.has('access-control-allow-origin')).toBe(false)
      const told = await registry.fetch(INDEX, { headers: { origin } })
      expect(told.headers.has('access-control-allow-origin')).toBe(false)
      // A cache that has this answer must not give it to a page that may read it.
      expect(told.headers.get('vary')).toContain('Origin')
    },
  )

  it('is any page where none is named', async () => {
    expect((await preflight(closed, INDEX, LAB)).ok).toBe(false)
    const told = await closed.fetch(INDEX, { headers: { origin: LAB } })
    expect(told.headers.has('access-control-allow-origin')).toBe(false)
    expect(told.headers.get('vary')).not.toContain('Origin')
  })
})
