import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { getRaw } from '../../test/support/raw-http.ts'
import { RegistryError } from '../registry/errors.ts'
import { beginExchange, type Exchange } from './exchange.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'

/** What is told of one request that is answered like this. */
async function tell(
  target: string,
  answer: (exchange: Exchange) => void = () => {},
  headers: Readonly<Record<string, string>> = {},
) {
  const lines: Record<string, unknown>[] = []
  const log = createLog('info', { write: (line: string) => void lines.push(JSON.parse(line) as object as never) })
  const metrics = createMetrics({
    blobs: async () => ({ bytes: 0, cachedBytes: 0, count: 0 }),
    deliveries: async () => ({ pending: 0, overdueSeconds: 0 }),
    upstreams: async () => [],
  })
  const server = createServer((request, response) => {
    answer(beginExchange(request, response, log, metrics))
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await getRaw(url, target, { headers })
    await expect.poll(() => lines.some(({ msg }) => msg === 'request')).toBe(true)
    return { lines, metrics: await metrics.registry.metrics() }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('the line about a request', () => {
  const JWT = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl-_x'

  it.each([
    ['/npm/local/main/hello', '/npm/local/main/hello'],
    ['/npm/local/main/token/-/token-1.0.0.tgz', '/npm/local/main/token/-/token-1.0.0.tgz'],
    ['/npm/local/main/hello?X-Amz-Signature=canary', '/npm/local/main/hello'],
    ['/npm/local/main/-/user/token/canary-token', '/npm/local/main/-/user/token/(hidden)'],
    ['/npm/local/main/-/npm/v1/tokens/token/canary', '/npm/local/main/-/npm/v1/tokens/token/(hidden)'],
    [`/pypi/local/main/simple/${JWT}/`, '/pypi/local/main/simple/(hidden)/'],
    ['http://aws:canary@registry.example/npm/x', 'http://(hidden)@registry.example/npm/x'],
  ])('%s', async (target, path) => {
    const { lines } = await tell(target, (exchange) => {
      exchange.explain(new RegistryError('not_found', `There is nothing at ${JSON.stringify(target.split('?')[0])}`))
    })
    expect(lines.at(-1)).toMatchObject({ path, decision: 'not_found' })
    expect(JSON.stringify(lines)).not.toMatch(/canary|c2lnbmF0dXJl/)
  })

  it('has no header of the client, and nothing that ends a line', async () => {
    const { lines } = await tell('/npm/x%0a%1b[31m', () => {}, {
      authorization: 'Bearer canary',
      cookie: 'session=canary',
      'x-request-id': 'canary',
    })
    expect(JSON.stringify(lines)).not.toContain('canary')
    expect(lines.at(-1)).toMatchObject({ path: '/npm/x%0a%1b[31m', status: 200, principal: 'anonymous' })
  })

  it('of a bug comes after the bug itself, with the same id', async () => {
    const { lines } = await tell('/', (exchange) => {
      expect(exchange.explain(new TypeError('oops'))).toBeNull()
    })
    expect(lines[0]).toMatchObject({ level: 'error', error: { type: 'TypeError', message: 'oops' } })
    expect(lines[0]?.['request']).toBe(lines[1]?.['request'])
  })
})

describe('the numbers', () => {
  it('name the route and never the path', async () => {
    const { metrics } = await tell('/npm/local/main/secret-project', (exchange) => {
      exchange.route = 'npm packument'
      exchange.cache = { kind: 'index', status: 'hit' }
      exchange.explain(new RegistryError('held', 'secret-project is held'))
    })
    expect(metrics).toContain('granary_http_requests_total{route="npm packument",status="200"} 1')
    expect(metrics).toContain('granary_cache_total{kind="index",status="hit"} 1')
    expect(metrics).toContain('granary_refused_total{code="held"} 1')
    expect(metrics).not.toContain('secret-project')
  })
})
