import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { getRaw } from '../../test/support/raw-http.ts'
import { createApp, type AppParts } from './app.ts'
import { listen, type Listening } from './listen.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'

// The doors, with nothing behind them but what operators' tools ask for.

let listening: Listening
let url = ''
let lines: Record<string, unknown>[]
let state: { accepting: boolean; storeAnswers: boolean }

const ifUp = async <T>(value: T): Promise<T> => {
  if (!state.storeAnswers) throw new Error('no answer from the store')
  return value
}

beforeEach(async () => {
  lines = []
  state = { accepting: true, storeAnswers: true }
  const app = createApp({
    log: createLog('info', { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }),
    metrics: createMetrics({
      blobs: () => ifUp({ bytes: 7, cachedBytes: 5, count: 1 }),
      deliveries: () => ifUp({ pending: 3, overdueSeconds: 0 }),
      upstreams: () => ifUp([]),
    }),
    accepting: () => state.accepting,
    ping: () => ifUp(undefined),
    jwks: () => ifUp({ keys: [] }),
    crossOrigins: new Set(),
    packages: { formats: new Map() } as unknown as AppParts['packages'],
    management: { management: { match: () => undefined } } as unknown as AppParts['management'],
  })
  listening = await listen(app, { host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${listening.port}`
})
afterEach(() => listening.stop(0))

const get = async (path: string) => {
  const response = await fetch(url + path)
  return { status: response.status, text: await response.text() }
}

describe('what operators ask', () => {
  it.each([
    ['/-/live', 200, '{"status":"live"}'],
    ['/-/ready', 200, '{"status":"ready"}'],
    ['/.well-known/jwks.json', 200, '{"keys":[]}'],
  ])('%s: %i', async (path, status, text) => expect(await get(path)).toEqual({ status, text }))

  it('a server that stops is alive, and wants no more traffic', async () => {
    state.accepting = false
    expect((await get('/-/live')).status).toBe(200)
    expect(await get('/-/ready')).toEqual({ status: 503, text: '{"status":"stopping"}' })
  })

  it('without its store it is alive, not ready, and still tells its numbers', async () => {
    expect((await get('/-/metrics')).text).toContain('granary_blob_bytes{kind="all"} 7')
    state.storeAnswers = false
    expect((await get('/-/live')).status).toBe(200)
    expect((await get('/-/ready')).status).toBe(503)
    const { status, text } = await get('/-/metrics')
    expect(status).toBe(200)
    expect(text).toContain('granary_http_requests_total')
    expect(text).not.toContain('granary_blob_bytes{')
  })

  it('what fails there is logged, and told as nothing but a failure', async () => {
    state.storeAnswers = false
    const { status, text } = await get('/.well-known/jwks.json')
    expect(status).toBe(500)
    expect(text).not.toContain('store')
    expect(lines).toMatchObject([
      { level: 'error', path: '/.well-known/jwks.json', error: { message: 'no answer from the store' } },
    ])
  })
})

describe('any other address', () => {
  it('is one that operators read, where it is written to', async () => {
    expect((await fetch(`${url}/-/metrics`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${url}/-/metrics`, { method: 'POST' })).status).toBe(404)
    expect(lines.at(-1)).toMatchObject({ path: '/-/metrics', route: 'none', status: 404 })
  })

  it.each([
    '/',
    '/nothing',
    '/npm/x/y/../../../-/metrics',
    '/./-/metrics',
    '//-/metrics',
    '/-/%6detrics',
    '/-/metrics/',
    '/npm/x',
  ])('%s has nothing, by its raw path', async (target) => {
    const { status, headers } = await getRaw(url, target)
    expect(status).toBe(404)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(lines.at(-1)).toMatchObject({ path: target, route: 'none', status: 404 })
  })
})
