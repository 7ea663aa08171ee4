import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { openClient } from '../../src/cli/client.ts'
import { startCanary } from '../support/canary.ts'
import { callerOf, operatorCredentials } from '../support/caller.ts'
import { clientHome } from '../support/clients/home.ts'
import { startGranary } from '../support/granary.ts'
import { startManagement, type ManagementServer } from '../support/management-server.ts'
import { readTree } from '../support/server.ts'

const HOME = '000000000000'
const PATH = `/api/accounts/${HOME}/webhooks`

const operatorOf = ({ url, key }: ManagementServer) =>
  openClient({ url, region: 'us-east-1', credentials: { kind: 'access-key', sessionToken: null, ...key } })

/** Requests as no client of ours writes them. */
async function send(server: ManagementServer, method: string, path: string, body: string | null = null) {
  const { accessKeyId, secretAccessKey } = server.key
  // The first answer is what is asked for: by itself it would ask ten times where it is told to slow down.
  const signer = new AwsClient({ accessKeyId, secretAccessKey, service: 'granary', region: 'us-east-1', retries: 0 })
  const response = await signer.fetch(server.url + path, {
    method,
    aws: { allHeaders: true },
    headers: { 'content-type': 'application/json' },
    ...(body !== null && { body }),
  })
  return { status: response.status, text: await response.text(), retryAfter: response.headers.get('retry-after') }
}

const create = (server: ManagementServer, body: unknown) => send(server, 'POST', PATH, JSON.stringify(body))
const webhooksOf = async (server: ManagementServer) => await server.store.listWebhooks()

describe('P-79 a webhook of an address that is not public', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.254',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.127.255.254',
    '0.0.0.0',
    '0.1.2.3',
    '192.0.0.8',
    '198.18.0.1',
    '198.19.255.254',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[fc00::1]',
    '[fd12:3456::1]',
    '[fe80::1]',
    '[::ffff:10.0.0.1]',
    '[::ffff:7f00:1]',
    '[2002:7f00:1::]',
    '[64:ff9b::10.0.0.1]',
    // Other spellings of the loopback address.
    '2130706433',
    '0x7f000001',
    '017700000001',
    '127.1',
    '0x7f.1',
    '１２７.0.0.1',
    '127.0.0.1.',
  ])('%s is refused when it is made and when it is changed', async (host) => {
    await using server = await startManagement()
    for (const scheme of ['http', 'https']) {
      const { status, text } = await create(server, { url: `${scheme}://${host}/hook?token=t0psecret` })
      expect({ status, text }).toEqual({ status: 400, text: expect.stringContaining('"invalid"') })
      expect(text).not.toContain('t0psecret')
    }
    expect(await webhooksOf(server)).toEqual([])
    const { call } = operatorOf(server)
    const { id } = await call(operations.createWebhook, { account: HOME, url: 'https://ci.example/' })
    const { status } = await send(server, 'PUT', `${PATH}/${id}`, JSON.stringify({ url: `http://${host}/` }))
    expect(status).toBe(400)
    expect(await webhooksOf(server)).toEqual([expect.objectContaining({ shownUrl: 'https://ci.example/' })])
  })

  it('is made where the operator lists it, but never a link-local one', async () => {
    await using server = await startManagement({ allowPrivate: ['10.1.0.0/16', '169.254.0.0/16', '127.0.0.1'] })
    const statusOf = async (host: string) => (await create(server, { url: `http://${host}/` })).status
    expect(await statusOf('10.1.2.3')).toBe(200)
    expect(await statusOf('127.0.0.1:8080')).toBe(200)
    expect(await statusOf('10.2.0.1')).toBe(400)
    expect(await statusOf('127.0.0.2')).toBe(400)
    expect(await statusOf('169.254.169.254')).toBe(400)
  })
})

describe('a URL that is none', () => {
  it.each([
    'ftp://ci.example/',
    'file:///etc/passwd',
    'gopher://ci.example/',
    'unix:/run/docker.sock',
    'data:text/plain,x',
    'https://user:t0psecret@ci.example/',
    'https://t0psecret@ci.example/',
    'https://ci.example/#t0psecret',
    'https://ci.example/\r\nX-Injected: t0psecret',
    'https://ci.example/\u0000',
    'https://ci.example\\@evil.example/ ',
    '//ci.example/',
    '/hook',
    '',
    'https://',
    `https://ci.example/${'x'.repeat(2000)}`,
    ['https://ci.example/'],
    { href: 'https://ci.example/' },
    42,
    null,
  ])('%j is refused', async (url) => {
    await using server = await startManagement()
    const { status, text } = await create(server, { url })
    expect(status).toBe(400)
    expect(text).not.toContain('t0psecret')
    expect(await webhooksOf(server)).toEqual([])
  })
})

describe('headers', () => {
  it.each([
    ['a line end in a value', { 'x-a': 't0psecret\r\nwebhook-id: forged' }],
    ['a line feed in a value', { 'x-a': 't0psecret\nx: y' }],
    ['NUL in a value', { 'x-a': 't0psecret\u0000' }],
    ['a line end in a name', { 'x-a\r\nwebhook-id': 'forged' }],
    ['a blank in a name', { 'x a': 'y' }],
    ['a colon in a name', { 'x:a': 'y' }],
    ['the signature', { 'webhook-signature': 'v1,forged' }],
    ['the id, otherwise spelled', { 'Webhook-ID': 'forged' }],
    ['the host', { Host: 'internal.example' }],
    ['a length', { 'Content-Length': '0' }],
    ['an encoding of the transfer', { 'transfer-encoding': 'chunked' }],
    ['a connection', { connection: 'upgrade' }],
    ['an upgrade', { upgrade: 'h2c' }],
    ['a name twice', { 'x-a': '1', 'X-A': '2' }],
    ['21 of them', Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`x-${at}`, 'v']))],
    ['a long value', { 'x-a': 't0psecret'.repeat(500) }],
    ['a long name', { ['x'.repeat(101)]: 'v' }],
    ['too much together', Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`x-${at}`, 'v'.repeat(4000)]))],
    ['a list as value', { 'x-a': ['1', '2'] }],
    ['a number as value', { 'x-a': 1 }],
    ['a list', [['x-a', '1']]],
    ['a text', 'x-a: 1'],
  ])('are refused with %s', async (_, headers) => {
    await using server = await startManagement()
    const { status, text } = await create(server, { url: 'https://ci.example/', headers })
    expect({ status, text }).toEqual({ status: 400, text: expect.stringContaining('headers') })
    expect(text).not.toContain('t0psecret')
    expect(await webhooksOf(server)).toEqual([])
  })

  it('have no prototype to reach', async () => {
    await using server = await startManagement()
    const { status, text } = await send(
      server,
      'POST',
      PATH,
      '{"url":"https://ci.example/","headers":{"__proto__":"x","constructor":"y"}}',
    )
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ headerNames: ['constructor'] })
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

describe('P-90 a pattern', () => {
  it.each([
    ['no array', '{"source":"granary"}'],
    ['an unknown operator', '{"source":[{"nope":"x"}]}'],
    ['two wildcards in a row', '{"source":[{"wildcard":"a**b"}]}'],
    ['40 wildcards', `{"source":[{"wildcard":"${'a*'.repeat(40)}"}]}`],
    ['no members', '{}'],
    ['a list', '[]'],
    ['a text', '"granary"'],
    ['no JSON', '{'],
    ['a member twice', '{"source":["a"],"source":["b"]}'],
    ['5,000 characters', `{"source":["${'x'.repeat(5000)}"]}`],
    ['very deep', `${'{"a":'.repeat(800)}["x"]${'}'.repeat(800)}`],
  ])('that has %s is refused', async (_, pattern) => {
    await using server = await startManagement()
    const { status, text } = await create(server, { url: 'https://ci.example/', pattern })
    expect({ status, text }).toEqual({ status: 400, text: expect.stringContaining('pattern') })
    expect(await webhooksOf(server)).toEqual([])
  })

  it('takes no time on an event that is made for it', async () => {
    await using server = await startManagement()
    const { call } = operatorOf(server)
    const pattern = JSON.stringify({ a: [{ wildcard: `${'a*'.repeat(30)}b` }] })
    const data = { a: Array.from({ length: 10 }, () => 'a'.repeat(20_000)) }
    const began = performance.now()
    expect(await call(operations.testEventPattern, { pattern, data })).toEqual({ matches: false })
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})

describe('what is asked twice', () => {
  it('in a query is refused', async () => {
    await using server = await startManagement()
    for (const query of [
      'state=dead&state=delivered',
      'limit=1&limit=2',
      'since=2026-01-01T00:00:00Z&since=',
      'after=a&after=b',
    ]) {
      const { status, text } = await send(server, 'GET', `/api/accounts/${HOME}/deliveries?${query}`)
      expect({ status, text }).toEqual({ status: 400, text: expect.stringContaining('is given 2 times') })
    }
  })

  it('in a body is checked as it is stored', async () => {
    await using server = await startManagement()
    const twice = (first: string, second: string) =>
      send(server, 'POST', PATH, `{"url":${JSON.stringify(first)},"url":${JSON.stringify(second)}}`)
    expect(await twice('https://ci.example/', 'http://127.0.0.1/')).toMatchObject({ status: 400 })
    expect(await twice('http://127.0.0.1/', 'https://ci.example/')).toMatchObject({ status: 200 })
    expect(await webhooksOf(server)).toEqual([expect.objectContaining({ shownUrl: 'https://ci.example/' })])
  })

  it.each([
    ['an id with a path', `${PATH}/..%2f..%2fusers`],
    ['an id with a query', `${PATH}/wh_x%3fy`],
    ['no id', `${PATH}/%20`],
  ])('with %s leads nowhere', async (_, path) => {
    await using server = await startManagement()
    expect([400, 404]).toContain((await send(server, 'GET', path)).status)
  })
})

describe('a flood of tests', () => {
  it('is slowed down, whoever sends them and however many at once', async () => {
    await using server = await startManagement()
    const { id } = await operatorOf(server).call(operations.createWebhook, {
      account: HOME,
      url: 'https://ci.example/',
    })
    const answers = await Promise.all(Array.from({ length: 40 }, () => send(server, 'POST', `${PATH}/${id}/test`)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(30)
    for (const { retryAfter } of refused) expect(retryAfter).toBe('60')
  })
})

describe('P-92 what is secret of a webhook', () => {
  it('is in no answer, event, log, metric or file', async () => {
    await using canary = await startCanary()
    await using home = await clientHome()
    await using granary = await startGranary({
      env: { GRANARY_LOG_LEVEL: 'trace', GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' },
    })
    const { api } = await callerOf(granary)
    const secrets: Record<string, string> = { query: 'canary-in-a-query-7d1e', header: 'canary-in-a-header-52c0' }
    const told: string[] = []
    const tell = <T>(answer: T): T => {
      told.push(JSON.stringify(answer))
      return answer
    }
    const url = `${canary.origin}/hook?token=${secrets['query']}`
    const headers = { Authorization: `Bearer ${secrets['header']}` }
    const { secret, ...made } = await api.call(operations.createWebhook, { account: HOME, url, headers })
    const at = { account: HOME, webhook: tell(made).id }
    const { secret: second, ...rotated } = await api.call(operations.rotateWebhookSecret, at)
    tell(rotated)
    Object.assign(secrets, { secret, second, raw: secret.slice(6), rawSecond: second.slice(6) })

    const { delivery } = tell(await api.call(operations.testWebhook, at))
    const attempted = async () =>
      (await api.call(operations.describeDelivery, { account: HOME, delivery })).history.length > 0
    await expect.poll(attempted, { timeout: 20_000 }).toBe(true)
    expect(canary.received).toContain(secrets['query'])
    expect(canary.received).toContain(secrets['header'])

    for (const refused of [
      { account: HOME, url: `ftp://ci.example/?token=${secrets['query']}` },
      { account: HOME, url: `http://10.0.0.1/?token=${secrets['query']}` },
      { account: HOME, url, headers: { 'x-a': `${secrets['header']}\r\n` } },
      { account: HOME, url, headers: { host: secrets['header'] ?? '' } },
    ]) {
      const error = await api.call(operations.createWebhook, refused).catch((failure: unknown) => failure)
      expect(error).toBeInstanceOf(Error)
      told.push(String(error))
    }
    tell(await api.call(operations.updateWebhook, { ...at, description: 'seen' }))
    tell(await api.call(operations.describeWebhook, at))
    tell(await api.call(operations.listWebhooks, { account: HOME }))
    tell(await api.call(operations.listDeliveries, { account: HOME }))
    tell(await api.call(operations.describeDelivery, { account: HOME, delivery }))
    const { events } = tell(await api.call(operations.listEvents, { limit: 1000 }))
    for (const { id } of events) tell(await api.call(operations.describeEvent, { event: id }))
    for (const words of [['list'], ['show', made.id], ['disable', made.id], ['enable', made.id], ['delete', made.id]])
      told.push((await granary.cli(home, 'webhook', ...words)).stdout)
    told.push((await granary.cli(home, 'deliveries', 'list')).stdout)
    for (const path of ['/-/metrics', '/api/openapi.json']) told.push(await (await fetch(granary.url + path)).text())
    await granary.stop()

    const written = (await readTree(granary.data)).filter(({ path }) => !/(credentials|master\.key)$/.test(path))
    const places = [
      { path: 'the log', bytes: Buffer.from(granary.output) },
      { path: 'what was told', bytes: Buffer.from(told.join('\n')) },
      ...written,
    ]
    const placesOf = (text: string) => places.filter(({ bytes }) => bytes.includes(text)).map(({ path }) => path)
    // The search finds what is no secret.
    expect(placesOf(made.id)).toEqual(expect.arrayContaining(['what was told', join(granary.data, 'granary.db')]))
    const found = Object.entries(secrets).flatMap(([name, text]) =>
      [text, encodeURIComponent(text), Buffer.from(text).toString('base64').replace(/=+$/, '')].flatMap((spelling) =>
        placesOf(spelling).map((path) => `${name} in ${path}`),
      ),
    )
    expect(found).toEqual([])
  })

  it('is not told to who may only look', async () => {
    await using granary = await startGranary()
    const operator = await callerOf(granary)
    const made = await operator.api.call(operations.createWebhook, {
      account: HOME,
      url: 'https://ci.example/?token=t0psecret',
      headers: { Authorization: 'Bearer h1dden' },
    })
    const of = { account: HOME, user: 'looker' }
    await operator.api.call(operations.createUser, of)
    const document = JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Action: ['granary:List*'], Resource: '*' },
    })
    await operator.api.call(operations.attachUserPolicy, { ...of, policy: 'look', document })
    const key = await operator.api.call(operations.createAccessKey, of)
    const known = { ...(await operatorCredentials(granary.data)), ...key }
    const { call } = openClient({ url: granary.url, region: 'us-east-1', credentials: known })
    const at = { account: HOME, webhook: made.id }
    const seen = [
      await call(operations.describeWebhook, at),
      await call(operations.listWebhooks, { account: HOME }),
      await call(operations.listEvents, { account: HOME, limit: 1000 }),
    ]
    expect(JSON.stringify(seen)).toContain(made.id)
    expect(JSON.stringify(seen)).not.toMatch(/t0psecret|h1dden|whsec_/)
    await expect(call(operations.rotateWebhookSecret, at)).rejects.toMatchObject({ exitCode: 3 })
  })
})
