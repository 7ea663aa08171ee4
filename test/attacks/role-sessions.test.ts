import { AwsV4Signer } from 'aws4fetch'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { RoleCredentials } from '../../src/cli/sts.ts'
import { sendRaw } from '../support/raw-http.ts'
import { allow, clientOf, createRole, createUser, TOKENS, trusting } from '../support/roles.ts'
import { startRegistry, type AccessKey, type TestRegistry } from '../support/server.ts'

// Role sessions that are forged, mixed, over or somebody else's, and the door of STS in every shape but its own.

const ACCOUNT = '000000000000'
const ROLE = `arn:aws:iam::${ACCOUNT}:role/build`

let registry: TestRegistry
let key: AccessKey
let session: RoleCredentials

beforeEach(async () => {
  registry = await startRegistry()
  ;({ key, session } = await sessionOf(registry))
})
afterEach(() => registry[Symbol.asyncDispose]())

/** A user who may do nothing, a role that trusts this user, and a session of it. */
async function sessionOf(at: TestRegistry) {
  const operator = at.admin.client
  const user = await createUser(operator, ACCOUNT, 'bob', [])
  const trust = [trusting(`arn:aws:iam::${ACCOUNT}:user/bob`)]
  await createRole(operator, {
    account: ACCOUNT,
    role: 'build',
    trust,
    rights: [allow([...TOKENS, 'codeartifact:ListDomains', 'codeartifact:ReadFromRepository'])],
  })
  const made = await clientOf(at.url, user).assumeRole({ roleArn: ROLE, sessionName: 'run-7' })
  return { key: user, session: made }
}

type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
type Sent = {
  readonly path?: string
  readonly method?: string
  readonly body?: string
  readonly service?: string
  readonly headers?: Readonly<Record<string, string>>
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const IDENTITY = 'Action=GetCallerIdentity&Version=2011-06-15'
const ASSUME = `Action=AssumeRole&Version=2011-06-15&RoleSessionName=run-8&RoleArn=${encodeURIComponent(ROLE)}`

async function send(credentials: Credentials | null, sent: Sent = {}, at = registry) {
  const { path = '/', method = 'POST', body = IDENTITY, service = 'sts', headers = FORM } = sent
  const url = at.url + path
  const signed =
    credentials === null
      ? new Headers(headers)
      : (
          await new AwsV4Signer({
            url,
            method,
            headers,
            ...(method === 'POST' && { body }),
            ...credentials,
            service,
            region: 'us-east-1',
            allHeaders: true,
          }).sign()
        ).headers
  const response = await fetch(url, { method, headers: signed, redirect: 'manual', ...(method === 'POST' && { body }) })
  const text = await response.text()
  return { status: response.status, code: /<Code>(\w+)<\/Code>/.exec(text)?.[1], text }
}

const whoAmI = (credentials: Credentials) =>
  send(credentials, { path: '/api/whoami', method: 'GET', service: 'granary', headers: {} })

it('a session is who it says', async () => {
  expect(await send(session)).toMatchObject({ status: 200, text: expect.stringContaining('assumed-role/build/run-7') })
  expect(await whoAmI(session)).toMatchObject({ status: 200 })
})

describe('P-54 a session token', () => {
  const flipped = (token: string, part: number) => {
    const parts = token.split('.')
    const text = parts[part] ?? ''
    const middle = Math.floor(text.length / 2)
    parts[part] = text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1)
    return parts.join('.')
  }
  it.each<[string, (made: RoleCredentials) => Credentials]>([
    ['that is garbage', (made) => ({ ...made, sessionToken: 'garbage' })],
    ['that is left out', ({ accessKeyId, secretAccessKey }) => ({ accessKeyId, secretAccessKey })],
    ['that is cut', (made) => ({ ...made, sessionToken: made.sessionToken.slice(0, -1) })],
    ['of which half is there', (made) => ({ ...made, sessionToken: made.sessionToken.slice(0, 300) })],
    ['with another version', (made) => ({ ...made, sessionToken: made.sessionToken.replace('gs1', 'gs2') })],
    ['with a bit of the master key id turned', (made) => ({ ...made, sessionToken: flipped(made.sessionToken, 1) })],
    ['with a bit of the data key turned', (made) => ({ ...made, sessionToken: flipped(made.sessionToken, 2) })],
    ['with a bit of the content turned', (made) => ({ ...made, sessionToken: flipped(made.sessionToken, 3) })],
    ['in clear', (made) => ({ ...made, sessionToken: JSON.stringify({ v: 1, secret: made.secretAccessKey }) })],
    ['that is very long', (made) => ({ ...made, sessionToken: 'gs1.'.repeat(2_500) })],
    ['beside the id of a key of a user', (made) => ({ ...made, accessKeyId: key.accessKeyId })],
    ['beside a whole key of a user', (made) => ({ ...key, sessionToken: made.sessionToken })],
    ['beside another id', (made) => ({ ...made, accessKeyId: 'ASIA2345672345672345' })],
    ['beside an id that is none', (made) => ({ ...made, accessKeyId: '__proto__' })],
  ])('%s is not known', async (_, forge) => {
    expect(await send(forge(session))).toMatchObject({ status: 403, code: 'InvalidClientTokenId' })
    expect(await whoAmI(forge(session))).toMatchObject({ status: 401 })
    expect(await whoAmI(session)).toMatchObject({ status: 200 })
  })

  it('is not known beside the key of another session of the same role', async () => {
    const other = await clientOf(registry.url, key).assumeRole({ roleArn: ROLE, sessionName: 'run-7' })
    for (const mixed of [
      { ...session, sessionToken: other.sessionToken },
      { ...session, accessKeyId: other.accessKeyId },
      { ...session, secretAccessKey: other.secretAccessKey },
    ])
      expect((await whoAmI(mixed)).status).toBe(401)
  })

  it('without the secret is worth nothing', async () => {
    const guess = { ...session, secretAccessKey: 'x'.repeat(40) }
    expect(await send(guess)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
  })

  it('of another installation is not known', async () => {
    await using others = await startRegistry()
    const theirs = await sessionOf(others)
    expect(await send(theirs.session, {}, others)).toMatchObject({ status: 200 })
    expect(await send(theirs.session)).toMatchObject({ status: 403, code: 'InvalidClientTokenId' })
  })

  it('is no token of a package manager, whoever carries it', async () => {
    for (const authorization of [
      `Bearer ${session.sessionToken}`,
      `Basic ${Buffer.from(`aws:${session.sessionToken}`).toString('base64')}`,
      `Basic ${Buffer.from(`${session.accessKeyId}:${session.secretAccessKey}`).toString('base64')}`,
    ])
      expect(
        (await registry.fetch('/npm/local/main/-/whoami', { token: null, headers: { authorization } })).status,
      ).toBe(401)
    const { status } = await registry.fetch('/api/whoami', { token: session.sessionToken })
    expect(status).toBe(401)
  })

  it('that was not signed does not count', async () => {
    const { sessionToken, ...unsigned } = session
    const signer = new AwsV4Signer({
      url: `${registry.url}/`,
      headers: FORM,
      body: IDENTITY,
      ...unsigned,
      service: 'sts',
      region: 'us-east-1',
      allHeaders: true,
    })
    const { headers } = await signer.sign()
    headers.set('x-amz-security-token', sessionToken)
    const response = await fetch(`${registry.url}/`, { method: 'POST', headers, body: IDENTITY })
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('<Code>SignatureDoesNotMatch</Code>')
  })

  it('is over when its time is, by whatever door it comes', async () => {
    registry.passTime(3_600_001)
    expect(await send(session)).toMatchObject({ status: 403, code: 'ExpiredToken' })
    expect(await whoAmI(session)).toMatchObject({ status: 401 })
    const list = { path: '/v1/domains', service: 'codeartifact', body: '{}', headers: {} }
    expect(JSON.parse((await send(session, list)).text)).toMatchObject({ __type: 'ExpiredTokenException' })
  })

  it('never reaches the log, nor does the secret', async () => {
    await send(session, { body: ASSUME })
    await send({ ...session, accessKeyId: 'ASIA2345672345672345' })
    const log = JSON.stringify(registry.log)
    expect(log).toContain('assumed-role/build/run-7')
    expect(log).not.toContain(session.sessionToken.slice(20, 60))
    expect(log).not.toContain(session.secretAccessKey)
  })
})

describe('P-57 who may not assume a role', () => {
  it('does not, by a token', async () => {
    const { authorizationToken } = await clientOf(registry.url, session).call(operations.getAuthorizationToken, {
      domain: 'local',
    })
    for (const token of [registry.token, authorizationToken]) {
      const headers = { ...FORM, authorization: `Bearer ${token}` }
      const response = await fetch(`${registry.url}/`, { method: 'POST', headers, body: ASSUME })
      expect(response.status).toBe(403)
      const text = await response.text()
      expect(text).toContain('<Code>AccessDenied</Code>')
      expect(text).not.toContain('<Credentials>')
    }
  })

  it('does not, as nobody', async () => {
    expect(await send(null, { body: ASSUME })).toMatchObject({ status: 403, code: 'MissingAuthenticationToken' })
    expect(await send(null)).toMatchObject({ status: 403, code: 'MissingAuthenticationToken' })
  })

  it('does not, as the role itself', async () => {
    expect(await send(session, { body: ASSUME })).toMatchObject({ status: 403, code: 'AccessDenied' })
  })

  it('and learns nothing of which roles there are', async () => {
    const eve = await createUser(registry.admin.client, ACCOUNT, 'eve', [])
    const answers = await Promise.all(
      ['build', 'nobody'].map((role) => send(eve, { body: ASSUME.replace('role%2Fbuild', `role%2F${role}`) })),
    )
    const told = answers.map(({ status, text }) => [
      status,
      text.replace(/role\/\w+/, 'role/x').replace(/<RequestId>.*<\/RequestId>/, ''),
    ])
    expect(told[0]).toEqual(told[1])
    expect(told[0]?.[0]).toBe(403)
    const tooLong = await send(eve, { body: `${ASSUME}&DurationSeconds=43200` })
    expect(tooLong.code).toBe('AccessDenied')
  })

  it('a session that may do nothing of the sort cannot become an operator', async () => {
    const client = clientOf(registry.url, session)
    const of = { account: ACCOUNT, role: 'build' }
    const refused: readonly (() => Promise<unknown>)[] = [
      () => client.call(operations.updateRole, { ...of, maxSessionSeconds: 43_200 }),
      () => client.call(operations.attachRolePolicy, { ...of, policy: 'more', preset: 'administrator' }),
      () => client.call(operations.createAccessKey, { account: ACCOUNT, user: 'admin' }),
      () => client.call(operations.createRole, { ...of, role: 'mine', trust: '{}' }),
      () => client.call(operations.revokeRoleSessions, of),
      () => client.call(operations.listRoles, { account: ACCOUNT }),
      () => client.call(operations.deleteRole, of),
    ]
    for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ exitCode: 3 })
  })
})

describe('the door of STS', () => {
  it.each<[string, Sent, number, string | undefined]>([
    ['the action twice', { body: `${IDENTITY}&Action=AssumeRole` }, 400, 'ValidationError'],
    ['the action twice, once encoded', { body: `${IDENTITY}&%41ction=AssumeRole` }, 400, 'ValidationError'],
    ['a role twice', { body: `${ASSUME}&RoleArn=${ROLE}` }, 400, 'ValidationError'],
    ['an unknown action', { body: IDENTITY.replace('GetCallerIdentity', 'GetSessionToken') }, 400, 'InvalidAction'],
    ['an action of the prototype', { body: IDENTITY.replace('GetCallerIdentity', '__proto__') }, 400, 'InvalidAction'],
    ['an action in other case', { body: IDENTITY.replace('Get', 'get') }, 400, 'InvalidAction'],
    ['no action', { body: 'Version=2011-06-15' }, 400, 'MissingAction'],
    ['nothing', { body: '' }, 400, 'MissingAction'],
    ['an action in its address', { path: '/?Action=AssumeRole' }, 400, 'ValidationError'],
    [
      'JSON',
      { body: '{"Action":"GetCallerIdentity"}', headers: { 'content-type': 'application/json' } },
      400,
      'ValidationError',
    ],
    ['session tags', { body: `${ASSUME}&Tags.member.1.Key=a&Tags.member.1.Value=b` }, 400, 'ValidationError'],
    ['managed policies', { body: `${ASSUME}&PolicyArns.member.1.arn=x` }, 400, 'ValidationError'],
    ['a misspelt session policy', { body: `${ASSUME}&policy=x` }, 400, 'ValidationError'],
    ['an empty session policy', { body: `${ASSUME}&Policy=` }, 400, 'ValidationError'],
    ['a signature for another service', { service: 'codeartifact' }, 403, 'SignatureDoesNotMatch'],
    ['a second slash', { path: '//' }, 404, undefined],
    ['a path', { path: '/sts' }, 404, undefined],
    ['GET', { method: 'GET' }, 404, undefined],
    ['PUT', { method: 'PUT' }, 404, undefined],
  ])('gives no credentials for %s', async (_, sent, status, code) => {
    const answer = await send(key, sent)
    expect(answer).toMatchObject({ status, code })
    expect(answer.text).not.toContain('Credentials')
  })

  it('writes what it was sent as text, whatever it is', async () => {
    const evil = '</Message><Credentials>&"\u0001'
    const { text } = await send(key, { body: `Action=${encodeURIComponent(evil)}&Version=2011-06-15` })
    expect(text).toContain('&lt;/Message&gt;&lt;Credentials&gt;&amp;')
    expect(text).not.toContain('</Message><Credentials>')
    expect(text).not.toContain('\u0001')
  })

  it('does not read a body without end, and answers', async () => {
    const { status, code } = await send(null, { body: `Action=${'x'.repeat(1024 * 1024)}` })
    expect({ status, code }).toEqual({ status: 413, code: 'RequestEntityTooLarge' })
  })

  it('counts failed log-ins as every other door does', async () => {
    const answers: (string | undefined)[] = []
    for (let i = 0; i < 12; i++) answers.push((await send({ ...session, secretAccessKey: 'x' })).code)
    expect(answers).toEqual([...Array<string>(10).fill('SignatureDoesNotMatch'), 'Throttling', 'Throttling'])
  })

  it('is at no address that a proxy would take for another', async () => {
    const { host } = new URL(registry.url)
    for (const target of ['/./', '/../', '/%2e', '/npm/..', `http://${host}/`, '/;a', '/%2f']) {
      const head = `POST ${target} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`
      const answer = await sendRaw(registry.url, head)
      expect(answer, target).toMatchObject({ status: 404, answers: 1 })
      expect(answer.text, target).not.toContain('ErrorResponse')
    }
  })
})
