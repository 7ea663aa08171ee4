import { AwsClient } from 'aws4fetch'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { startRegistry, type AccessKey, type TestRegistry } from '../support/server.ts'

// Signature Version 4 over HTTP, by a signer that AWS's own services accept: a signed request means what was signed, or nothing.

const ACCOUNT = '000000000000'
let registry: TestRegistry

beforeEach(async () => {
  registry = await startRegistry()
})
afterEach(() => registry[Symbol.asyncDispose]())

type Request = {
  readonly key?: Partial<AccessKey>
  readonly service?: string
  readonly path?: string
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds by which the clock of who signs is ahead. */
  readonly skew?: number
}

/** A request to make a repository, or another one, as it is signed. */
async function signed({ key = {}, service = 'codeartifact', skew = 0, ...request }: Request = {}) {
  const path = request.path ?? `/v1/repository?domain=local&domain-owner=${ACCOUNT}&repository=made`
  const signer = new AwsClient({ ...registry.admin.key, ...key, service, region: 'eu-north-1', retries: 0 })
  const datetime = new Date(Date.now() + skew).toISOString().replace(/[-:]|\.\d+/g, '')
  const { url, headers, method, body } = await signer.sign(registry.url + path, {
    method: request.method ?? 'POST',
    headers: { 'content-type': 'application/json', ...request.headers },
    body: request.body ?? '{"description":"as signed"}',
    aws: { datetime, allHeaders: true },
  })
  return {
    url,
    method,
    body: body === null ? '' : await new Response(body).text(),
    headers: Object.fromEntries(headers),
  }
}

type Signed = Awaited<ReturnType<typeof signed>>

const send = ({ url, method, headers, body }: Signed) =>
  fetch(url, { method, headers, redirect: 'manual', ...(body !== '' && { body }) })

async function repositories(): Promise<readonly (string | undefined)[]> {
  const listed = await registry.admin.client.call(operations.listRepositoriesInDomain, { domain: 'local' })
  return listed.repositories
    .map(({ name }) => name)
    .filter((name) => !['main', 'npm-store', 'pypi-store'].includes(name))
}

it('passes as it was signed', async () => {
  const response = await send(await signed())
  expect(response.status, await response.clone().text()).toBe(200)
  expect(await response.json()).toMatchObject({ repository: { name: 'made', description: 'as signed' } })
  expect(await repositories()).toEqual(['made'])
})

const altered = (change: (request: Signed) => Partial<Signed>) => async () => {
  const request = await signed()
  return { ...request, ...change(request) }
}

it.each<[string, () => Promise<Signed>]>([
  ['the wrong secret', () => signed({ key: { secretAccessKey: 'x'.repeat(40) } })],
  ['no secret', () => signed({ key: { secretAccessKey: ' ' } })],
  ['a key that does not exist', () => signed({ key: { accessKeyId: 'AKIANOBODYNOBODYNOBO' } })],
  ['a key that is no key', () => signed({ key: { accessKeyId: '__proto__' } })],
  ['a clock that is six minutes ahead', () => signed({ skew: 6 * 60_000 })],
  ['a clock that is six minutes behind', () => signed({ skew: -6 * 60_000 })],
  ['another service', () => signed({ service: 'sts' })],
  ['the other service of the same server', () => signed({ service: 'granary' })],
  ['a changed body', altered(() => ({ body: '{"description":"evil"}' }))],
  ['a body that was added to', altered(({ body }) => ({ body: `${body} ` }))],
  ['no body', altered(() => ({ body: '' }))],
  ['a changed query', altered(({ url }) => ({ url: url.replace('repository=made', 'repository=evil') }))],
  ['a query that was added to', altered(({ url }) => ({ url: `${url}&repository=evil` }))],
  ['a query that lost something', altered(({ url }) => ({ url: url.replace(/domain-owner=\d+&/, '') }))],
  ['a changed path', altered(({ url }) => ({ url: url.replace('/v1/repository', '/v1/domain') }))],
  ['a changed method', altered(() => ({ method: 'PUT' }))],
  ['a changed header', altered(({ headers }) => ({ headers: { ...headers, 'content-type': 'text/plain' } }))],
  ['an x-amz- header that was not signed', altered(({ headers }) => ({ headers: { ...headers, 'x-amz-evil': '1' } }))],
  [
    'a session token that was not signed',
    altered(({ headers }) => ({ headers: { ...headers, 'x-amz-security-token': 'x' } })),
  ],
  [
    'a time that was moved',
    altered(({ headers }) => {
      const later = new Date(Date.now() + 60_000).toISOString().replace(/[-:]|\.\d+/g, '')
      return { headers: { ...headers, 'x-amz-date': later } }
    }),
  ],
  [
    'a signature of zeros',
    altered(({ headers }) => ({
      headers: {
        ...headers,
        authorization: String(headers['authorization']).replace(/Signature=.*/, `Signature=${'0'.repeat(64)}`),
      },
    })),
  ],
  [
    'a host that was not signed',
    altered(({ headers }) => ({
      headers: {
        ...headers,
        authorization: String(headers['authorization'])
          .replace(/;?host;?/, ';')
          .replace('SignedHeaders=;', 'SignedHeaders='),
      },
    })),
  ],
  [
    'another algorithm',
    altered(({ headers }) => ({
      headers: {
        ...headers,
        authorization: String(headers['authorization']).replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1'),
      },
    })),
  ],
])('with %s is refused, and changes nothing', async (_what, make) => {
  const response = await send(await make())
  expect(response.status, await response.clone().text()).toBe(403)
  expect(response.headers.get('x-amzn-errortype')).toMatch(/Exception|Skewed/)
  expect(await repositories()).toEqual([])
})

it('holds for five minutes and no longer', async () => {
  const request = await signed()
  registry.passTime(6 * 60_000)
  expect((await send(request)).status).toBe(403)
  expect(await repositories()).toEqual([])
})

it('of a revoked key is refused at once', async () => {
  const user = await registry.createUser('leaving', 'administrator')
  const request = await signed({ key: user.key })
  await registry.admin.client.call(operations.revokeAccessKey, {
    account: ACCOUNT,
    user: 'leaving',
    key: user.key.accessKeyId,
  })
  expect((await send(request)).status).toBe(403)
  expect(await repositories()).toEqual([])
})

it('in the address is not accepted: logs would have it', async () => {
  const signer = new AwsClient({ ...registry.admin.key, service: 'codeartifact', region: 'us-east-1' })
  const { url } = await signer.sign(`${registry.url}/v1/repository?domain=local&repository=made`, {
    method: 'POST',
    aws: { signQuery: true },
  })
  expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(403)
  expect(await repositories()).toEqual([])
})

it('of a user without rights is known, and forbidden', async () => {
  const user = await registry.createUser('reader', 'reader')
  const response = await send(await signed({ key: user.key }))
  expect(response.status).toBe(403)
  expect(response.headers.get('x-amzn-errortype')).toBe('AccessDeniedException')
  expect(await repositories()).toEqual([])
})

it("of Granary's own API is held to the same", async () => {
  const own = { service: 'granary', path: `/api/accounts/${ACCOUNT}/users`, body: '{"name":"mallory"}' }
  for (const wrong of [{ key: { secretAccessKey: 'x'.repeat(40) } }, { skew: 6 * 60_000 }, { service: 'codeartifact' }])
    expect((await send(await signed({ ...own, ...wrong }))).status).toBe(401)
  const request = await signed(own)
  expect((await send({ ...request, body: '{"name":"eve"}' })).status).toBe(401)
  const users = async () =>
    (await registry.admin.client.call(operations.listUsers, { account: ACCOUNT })).users.map(({ name }) => name)
  expect(await users()).toEqual(['admin'])
  expect((await send(request)).status).toBe(200)
  expect(await users()).toEqual(['admin', 'mallory'])
})
