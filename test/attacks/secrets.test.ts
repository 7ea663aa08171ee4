import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { AwsClient } from 'aws4fetch'
import { extract } from 'tar-stream'
import { expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { openClient } from '../../src/cli/client.ts'
import { clientHome } from '../support/clients/home.ts'
import { startGranary } from '../support/granary.ts'
import { publishNpm } from '../support/npm-publish.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { readTree } from '../support/server.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { buildWheel } from '../support/wheel.ts'

type Init = Omit<RequestInit, 'headers'> & { token?: string | null; headers?: Record<string, string> }

/** A secret as it is, and as it may be written. */
const spellings = (secret: string): readonly string[] => [
  ...new Set([
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(secret).toString('hex'),
    JSON.stringify(secret).slice(1, -1),
  ]),
]

async function unpack(backup: string): Promise<readonly { readonly path: string; readonly bytes: Buffer }[]> {
  const files: { path: string; bytes: Buffer }[] = []
  const archive = extract()
  archive.end(await readFile(backup))
  for await (const entry of archive) {
    const chunks: Uint8Array[] = []
    for await (const chunk of entry) chunks.push(chunk as Uint8Array)
    files.push({ path: `backup/${entry.header.name}`, bytes: Buffer.concat(chunks) })
  }
  return files
}

const ZSTD_MAGIC = Buffer.from('28b52ffd', 'hex')
const unzipped = ({ path, bytes }: { path: string; bytes: Buffer }) =>
  bytes.subarray(0, 4).equals(ZSTD_MAGIC) ? [{ path: `${path} unpacked`, bytes: zstdDecompressSync(bytes) }] : []

it('B-14 no secret is in logs, errors, metrics, events, listings, the state folder or a backup', async () => {
  await using npmjs = await startNpmUpstream()
  await npmjs.publish({ name: 'hello', version: '1.0.0' })
  await using home = await clientHome()
  await using granary = await startGranary({
    env: {
      GRANARY_LOG_LEVEL: 'trace',
      GRANARY_UPSTREAM_NPMJS: npmjs.url,
      GRANARY_UPSTREAM_PYPI: 'http://127.0.0.1:9/simple/',
    },
  })
  const credentials = await readFile(join(granary.data, 'credentials'), 'utf8')
  const adminSecret = /aws_secret_access_key = (\S+)/.exec(credentials)?.[1] ?? ''
  const adminKeyId = /aws_access_key_id = (\S+)/.exec(credentials)?.[1] ?? ''
  const masterKey = (await readFile(join(granary.data, 'master.key'), 'utf8')).trim()
  expect(adminSecret.length).toBeGreaterThan(30)

  // Secrets that only this test knows, and those that the server made.
  const upstreamToken = 'canary-upstream-bearer-3f1c'
  const upstreamPassword = 'canary-upstream-password-77ab'
  const guesses = [
    'canary-wrong-token-51d0',
    'canary-wrong-password-0b9e',
    'canary-in-a-query-c41d',
    'canary-in-a-cookie-94aa',
  ]
  const [wrongToken = '', wrongPassword = '', inQuery = '', inCookie = ''] = guesses
  const { call } = openClient({
    url: granary.url,
    region: 'us-east-1',
    credentials: { kind: 'access-key', accessKeyId: adminKeyId, secretAccessKey: adminSecret, sessionToken: null },
  })
  const bob = { account: '000000000000', user: 'bob' }
  await call(operations.createUser, bob)
  await call(operations.attachUserPolicy, { ...bob, policy: 'publisher', preset: 'publisher' })
  const key = await call(operations.createAccessKey, bob)
  const { authorizationToken: token } = await call(operations.getAuthorizationToken, { domain: 'local' })

  /** Everything that anybody was told. */
  const told: string[] = []
  const ask = async (path: string, { token: given = token, headers = {}, ...init }: Init = {}) => {
    const authorization = given === null ? {} : { authorization: `Bearer ${given}` }
    const response = await fetch(granary.url + path, {
      redirect: 'manual',
      ...init,
      headers: { ...authorization, ...headers },
    })
    const body = Buffer.from(await response.arrayBuffer())
    told.push(JSON.stringify([...response.headers]), body.toString('latin1'))
    return new Response([204, 304].includes(response.status) ? null : body, response)
  }
  // Publishing, installing, an upstream with credentials that works, and one that does not.
  expect(await publishNpm({ fetch: ask }, { name: '@acme/hello', version: '1.0.0' })).toMatchObject({ status: 201 })
  expect(await publishNpm({ fetch: ask }, { name: '@acme/hello', version: '1.0.0', files: { x: '1' } })).toMatchObject({
    status: 409,
  })
  const wheel = buildWheel({ name: 'acme-hello', version: '1.0.0' })
  expect(await uploadPypi({ fetch: ask }, { name: 'acme-hello', version: '1.0.0', ...wheel })).toMatchObject({
    status: 200,
  })
  for (const [kind, secret] of [
    ['bearer', { type: 'bearer', token: upstreamToken }],
    ['basic', { type: 'basic', username: 'us', password: upstreamPassword }],
  ] as const) {
    const at = { domain: 'local', repository: `private-${kind}` }
    const connection = { name: `private:${kind}`, format: 'npm', url: npmjs.url, credentials: secret } as const
    told.push(JSON.stringify(await call(operations.createConnection, connection)))
    await call(operations.createRepository, at)
    await call(operations.associateExternalConnection, { ...at, externalConnection: `private:${kind}` })
    expect((await ask(`/npm/local/private-${kind}/hello`)).status).toBe(200)
  }
  expect(npmjs.requests.some(({ headers }) => headers['authorization'] === `Bearer ${upstreamToken}`)).toBe(true)
  npmjs.faults.on('/broken', { kind: 'status', status: 401, headers: { 'www-authenticate': 'Bearer realm="x"' } })
  npmjs.faults.on('/odd', { kind: 'html' })
  for (const name of ['broken', 'odd', 'missing']) await ask(`/npm/local/private-bearer/${name}`)
  await npmjs.down()
  for (const repository of ['private-bearer', 'private-basic']) await ask(`/npm/local/${repository}/another`)

  // Log-ins that fail, in every way that carries a secret, and things that are asked wrongly.
  await ask('/npm/local/main/hello', { token: wrongToken })
  await ask('/api/whoami', { token: wrongToken })
  const basic = (user: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  })
  await ask('/pypi/local/main/simple/x/', { token: null, headers: basic('bob', wrongPassword) })
  await ask('/pypi/local/main/simple/x/', { token: null, headers: basic(key.accessKeyId, key.secretAccessKey) })
  await ask(`/npm/local/main/hello?token=${inQuery}&_auth=${token}`, { token: null })
  await ask(`/v1/domain?domain=local&X-Amz-Signature=${inQuery}&X-Amz-Security-Token=${inQuery}`, { token: null })
  await ask('/api/whoami', { token: null, headers: { cookie: `session=${inCookie}`, 'x-api-key': inCookie } })
  await ask('/api/whoami', {
    token: null,
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=${adminKeyId}/x, Signature=${inQuery}` },
  })
  const forger = new AwsClient({
    accessKeyId: adminKeyId,
    secretAccessKey: wrongPassword,
    service: 'granary',
    region: 'us-east-1',
  })
  told.push(await (await forger.fetch(`${granary.url}/api/whoami`)).text())
  await ask(`/v1/domain?domain=${'x'.repeat(300)}`)
  await ask('/nothing/at/all')
  await ask('/npm/local/main/hello', { method: 'PUT', body: '{"name":' })

  // Everything that can be asked for by who may ask for everything.
  const listings = [
    call(operations.whoAmI, {}),
    call(operations.listAccounts, {}),
    call(operations.listUsers, bob),
    call(operations.listAccessKeys, bob),
    call(operations.listUserPolicies, bob),
    call(operations.listConnections, {}),
    call(operations.listRepositories, {}),
    call(operations.listEvents, { limit: 1000 }),
  ]
  told.push(JSON.stringify(await Promise.all(listings)))
  const config = await granary.cli(home, 'config', '--json')
  told.push(config.stdout, config.stderr)
  await ask('/-/metrics', { token: null })
  await ask('/api/openapi.json', { token: null })
  await ask('/.well-known/jwks.json', { token: null })
  const backup = join(home.folder, 'backup.tar')
  expect(await granary.cli(home, 'backup', backup, '--include-cache')).toMatchObject({ code: 0 })
  expect(await granary.stop()).toBe(0)

  const written = (await readTree(granary.data)).filter(({ path }) => !/(credentials|master\.key)$/.test(path))
  const files = [...written, ...(await unpack(backup))]
  const places = [
    { path: 'the log', bytes: Buffer.from(granary.output) },
    { path: 'what was told', bytes: Buffer.from(told.join('\n')) },
    ...files,
    ...files.flatMap(unzipped),
  ]
  expect(granary.log.length).toBeGreaterThan(30)
  expect(told.length).toBeGreaterThan(50)
  const secrets = {
    adminSecret,
    masterKey,
    bobsSecret: key.secretAccessKey,
    token,
    signature: token.split('.')[2] ?? '',
    upstreamToken,
    upstreamPassword,
    wrongToken,
    wrongPassword,
    inQuery,
    inCookie,
  }
  const placesOf = (text: string) => places.filter(({ bytes }) => bytes.includes(text)).map(({ path }) => path)
  // The search finds what is no secret.
  expect(placesOf(key.accessKeyId)).toEqual(
    expect.arrayContaining(['what was told', 'backup/metadata.jsonl.zst unpacked', join(granary.data, 'granary.db')]),
  )
  expect(placesOf(adminKeyId)).toContain('the log')
  const found = Object.entries(secrets).flatMap(([name, secret]) =>
    spellings(secret).flatMap((spelling) => placesOf(spelling).map((path) => `${name} as ${spelling} in ${path}`)),
  )
  expect(found).toEqual([])
})
