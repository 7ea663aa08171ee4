import { AwsV4Signer } from 'aws4fetch'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { User } from '../registry/model.ts'
import type { ManagementRequest } from './authenticate.ts'
import { toUserCaller } from './callers.ts'
import { planDeleteUser, planRevokeAccessKey } from './identities.ts'
import { ACCOUNT, DOMAIN, startInstallation, type Installation } from '../../test/support/installation.ts'

type Process = ReturnType<Installation['startProcess']>
const ADDRESS = '203.0.113.7'

let installation: Installation
let server: Process
let bob: User
let key: { readonly id: string; readonly secret: string }
let token: string

beforeEach(async () => {
  installation = await startInstallation()
  server = installation.startProcess()
  bob = await installation.createUser('bob')
  key = await installation.createKey(bob)
  token = await tokenOf(bob, key.id)
})
afterEach(() => installation[Symbol.asyncDispose]())

const tokenOf = async (user: User, credential: string) =>
  (await server.tokens.issue({ caller: toUserCaller(user, { domain: null, credential }), domain: DOMAIN })).token

const asClient = async (authorization: string | undefined, { by = server, address = ADDRESS } = {}) =>
  by.authenticator.packageClient({ authorization, address, topology: await installation.topology() })

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

async function sign(
  more: { secret?: string; id?: string; sessionToken?: string; service?: 'codeartifact' | 'sts' } = {},
): Promise<ManagementRequest> {
  const { service = 'codeartifact', sessionToken } = more
  const signer = new AwsV4Signer({
    method: 'POST',
    url: 'http://127.0.0.1:8787/v1/domains',
    accessKeyId: more.id ?? key.id,
    secretAccessKey: more.secret ?? key.secret,
    ...(sessionToken !== undefined && { sessionToken }),
    service,
    region: 'us-east-1',
    datetime: new Date(installation.clock.time).toISOString().replace(/[-:]|\.\d+/g, ''),
  })
  const { headers, url } = await signer.sign()
  return {
    method: 'POST',
    rawPath: url.pathname,
    rawQuery: '',
    headers: [['Host', url.host], ...headers.entries()],
    body: new Uint8Array(),
    service,
    address: ADDRESS,
    topology: await installation.topology(),
  }
}

/** The same token, as if it expired a year later. */
function lasting(text: string): string {
  const [header, claims = '', signature] = text.split('.')
  const { exp, ...rest } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp: number }
  const forged = Buffer.from(JSON.stringify({ ...rest, exp: exp + 31_536_000 })).toString('base64url')
  return [header, forged, signature].join('.')
}

describe('package managers', () => {
  it.each<[string, () => string]>([
    ['Bearer', () => `Bearer ${token}`],
    ['bearer in lower case', () => `bearer  ${token}`],
    ['Basic with any user name', () => basic(`aws:${token}`)],
    ['Basic with an empty user name', () => basic(`:${token}`)],
    ['Basic with the token as user name', () => basic(`${token}:`)],
    ['Basic without a colon', () => basic(token)],
  ])('%s', async (_, authorization) => {
    expect(await asClient(authorization())).toEqual({
      kind: 'user',
      account: ACCOUNT,
      userName: 'bob',
      userId: bob.id,
      arn: 'arn:aws:iam::111122223333:user/bob',
      domain: 'local',
      credential: expect.stringMatching(/^ABIA/),
    })
  })

  it('are anonymous without the header', async () => {
    expect(await asClient(undefined)).toEqual({ kind: 'anonymous' })
  })

  it.each([
    '',
    'Bearer',
    'Bearer ',
    'Bearer x',
    'Bearer ${NPM_TOKEN}',
    'Basic',
    'Basic !!!',
    basic('aws:'),
    basic('aws:secret'),
    'Digest username="bob"',
    'AWS4-HMAC-SHA256 Credential=x',
    'Bearer a b',
  ])('are refused with %j', async (authorization) => {
    await expect(asClient(authorization)).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('are asked for a token as often as they send a name alone', async () => {
    for (let i = 0; i < 30; i++)
      await expect(asClient(basic('aws:'))).rejects.toMatchObject({
        code: 'unauthenticated',
        message: 'A user name came without a token',
      })
  })

  it('cost the store nothing while nothing changes', async () => {
    await asClient(`Bearer ${token}`)
    const topology = await installation.topology()
    server.calls.length = 0
    for (let i = 0; i < 20; i++)
      await server.authenticator.packageClient({ authorization: `Bearer ${token}`, address: ADDRESS, topology })
    expect(server.calls).toEqual([])
  })

  it('are refused the moment the token expires, though it was known', async () => {
    await asClient(`Bearer ${token}`)
    installation.clock.time += 12 * 3_600_000
    await expect(asClient(`Bearer ${token}`)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: 'The token has expired; get a new one',
    })
  })
})

describe('revocation holds at the next request, in every process', () => {
  const revoke = async () => {
    const found = await installation.store.findAccessKey(key.id)
    if (!found) throw new Error('the key must exist')
    await installation.commit(planRevokeAccessKey(found, installation.act()))
  }
  const deleteUser = () => installation.commit(planDeleteUser(bob, installation.act()))
  const remake = async () => {
    await deleteUser()
    await installation.createUser('bob')
  }
  it.each<[string, () => Promise<void>, string]>([
    ['revoking the access key', revoke, 'The access key that the token was made with was revoked; get a new token'],
    ['deleting the user', deleteUser, 'The user whom the token was made for does not exist any more'],
    ['making the user anew', remake, 'The user whom the token was made for does not exist any more'],
  ])('%s', async (_, act, message) => {
    const other = installation.startProcess()
    for (const by of [server, other]) {
      await expect(asClient(`Bearer ${token}`, { by })).resolves.toMatchObject({ userName: 'bob' })
      await expect(by.authenticator.management(await sign())).resolves.toMatchObject({ caller: { userName: 'bob' } })
    }
    await act()
    for (const by of [server, other]) {
      await expect(asClient(`Bearer ${token}`, { by })).rejects.toMatchObject({ code: 'unauthenticated', message })
      await expect(by.authenticator.management(await sign())).rejects.toMatchObject({
        code: 'unauthenticated',
        message: 'The security token included in the request is invalid.',
      })
    }
  })

  it('another key of the user stays good, and so do its tokens', async () => {
    const second = await installation.createKey(bob)
    const another = await tokenOf(bob, second.id)
    await revoke()
    await expect(asClient(`Bearer ${another}`)).resolves.toMatchObject({ userName: 'bob' })
    await expect(server.authenticator.management(await sign(second))).resolves.toMatchObject({
      caller: { credential: second.id },
    })
  })

  it('a token of one user does not pass with the key of another', async () => {
    const eve = await installation.createUser('eve')
    const mixed = await tokenOf(eve, key.id)
    await expect(asClient(`Bearer ${mixed}`)).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

describe('management', () => {
  it('by signature: the caller is not narrowed to a domain', async () => {
    const { caller, payloadSha256 } = await server.authenticator.management(await sign())
    expect(caller).toMatchObject({ kind: 'user', userName: 'bob', domain: null, credential: key.id })
    expect(payloadSha256).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  it('by token: the caller is', async () => {
    const request = { ...(await sign()), headers: [['authorization', `Bearer ${token}`]] as const }
    expect(await server.authenticator.management(request)).toMatchObject({
      caller: { userName: 'bob', domain: 'local' },
      payloadSha256: null,
    })
  })

  it('without a header: anonymous', async () => {
    expect(await server.authenticator.management({ ...(await sign()), headers: [] })).toEqual({
      caller: { kind: 'anonymous' },
      payloadSha256: null,
    })
  })

  it.each<[string, (request: ManagementRequest) => Partial<ManagementRequest>, string]>([
    ['Basic', () => ({ headers: [['authorization', basic(`aws:${token}`)]] }), 'must be bearer and a token'],
    [
      'a token and a signature',
      (request) => ({ headers: [['authorization', `Bearer ${token}`], ...request.headers] }),
      'more than once',
    ],
    ['a presigned URL', () => ({ headers: [], rawQuery: 'X-Amz-Signature=x' }), 'Presigned URLs are not accepted'],
    ['a signature for another service', () => ({ service: 'granary' }), "correct service: 'granary'"],
    ['a changed path', () => ({ rawPath: '/v1/domain' }), 'does not match the signature'],
  ])('refuses %s', async (_, change, message) => {
    const request = await sign()
    await expect(server.authenticator.management({ ...request, ...change(request) })).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining(message),
    })
  })

  it.each<[string, Parameters<typeof sign>[0], string]>([
    ['an unknown key', { id: 'AKIA7654327654327654' }, 'The security token included in the request is invalid.'],
    ['a key id that cannot be one', { id: 'x' }, 'The security token included in the request is invalid.'],
    ['a session that does not exist', { sessionToken: 'x' }, 'The security token included in the request is invalid.'],
    ['a wrong secret', { secret: 'x' }, 'does not match the signature'],
  ])('refuses %s', async (_, more, message) => {
    await expect(server.authenticator.management(await sign(more))).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining(message),
    })
  })
})

describe('too many failed log-ins', () => {
  const fail = async (times: number, attempt: () => Promise<unknown>) => {
    const codes: string[] = []
    for (let i = 0; i < times; i++)
      codes.push(
        await attempt().then(
          () => 'ok',
          (error: { code: string }) => error.code,
        ),
      )
    return codes
  }
  const expected = (failures: number, throttled: number) => [
    ...Array.from({ length: failures }, () => 'unauthenticated'),
    ...Array.from({ length: throttled }, () => 'throttled'),
  ]

  it('with wrong secrets: the key is refused at that address for a minute, and nowhere else', async () => {
    expect(await fail(13, async () => server.authenticator.management(await sign({ secret: 'x' })))).toEqual(
      expected(10, 3),
    )
    await expect(server.authenticator.management(await sign())).rejects.toMatchObject({
      code: 'throttled',
      details: { retryAfter: 60 },
    })
    await expect(
      server.authenticator.management({ ...(await sign()), address: '198.51.100.1' }),
    ).resolves.toMatchObject({ caller: { userName: 'bob' } })
    const eve = await installation.createKey(await installation.createUser('eve'))
    await expect(server.authenticator.management(await sign(eve))).resolves.toMatchObject({
      caller: { userName: 'eve' },
    })
    await expect(asClient(`Bearer ${token}`)).resolves.toMatchObject({ userName: 'bob' })
    installation.clock.time += 60_001
    await expect(server.authenticator.management(await sign())).resolves.toMatchObject({ caller: { userName: 'bob' } })
  })

  it('with a thousand different tokens: further ones are 429 without a write, good ones pass', async () => {
    let guess = 0
    const codes = await fail(1_000, () => asClient(`Bearer guess-${guess++}`))
    expect(codes).toEqual(expected(10, 990))
    expect(server.calls.filter((name) => name === 'recordFailure')).toHaveLength(22)
    await expect(asClient(`Bearer ${token}`)).resolves.toMatchObject({ userName: 'bob' })
    await expect(server.authenticator.management(await sign())).resolves.toMatchObject({ caller: { userName: 'bob' } })
    expect(await fail(1, () => asClient('Bearer x', { address: '198.51.100.1' }))).toEqual(['unauthenticated'])
  })

  const expire = async () => {
    installation.clock.time += 12 * 3_600_000
  }
  const revoke = async () => {
    const found = await installation.store.findAccessKey(key.id)
    if (!found) throw new Error('the key must exist')
    await installation.commit(planRevokeAccessKey(found, installation.act()))
  }
  it.each<[string, () => Promise<unknown>, string]>([
    ['expired', expire, 'The token has expired; get a new one'],
    ['whose key was revoked', revoke, 'The access key that the token was made with was revoked; get a new token'],
    [
      'whose user was deleted',
      () => installation.commit(planDeleteUser(bob, installation.act())),
      'The user whom the token was made for does not exist any more',
    ],
  ])(
    'none are those with a token of ours that is over: one %s is told so each time, at no cost',
    async (_, end, message) => {
      await end()
      const request = { ...(await sign()), headers: [['authorization', `Bearer ${token}`]] as const }
      await expect(asClient(`Bearer ${token}`)).rejects.toMatchObject({ code: 'unauthenticated', message })
      server.calls.length = 0
      const { topology } = request
      for (let i = 0; i < 30; i++)
        for (const ask of [
          () =>
            server.authenticator.packageClient({ authorization: basic(`aws:${token}`), address: ADDRESS, topology }),
          () => server.authenticator.management(request),
        ])
          await expect(ask()).rejects.toMatchObject({ code: 'unauthenticated', message })
      expect(server.calls).toEqual([])
      // Guesses from there begin at none.
      expect(await fail(11, () => asClient('Bearer guess'))).toEqual(expected(10, 1))
      // And the guesser's limit takes the reason from nobody.
      await expect(asClient(`Bearer ${token}`)).rejects.toMatchObject({ code: 'unauthenticated', message })
    },
  )

  it.each<[string, (token: string) => string]>([
    ['cut', (text) => text.slice(0, -4)],
    ['signed otherwise', (text) => `${text.slice(0, -8)}AAAAAAAA`],
    ['made to last longer', lasting],
  ])('count a token that expired and was %s', async (_, forge) => {
    await expire()
    expect(await fail(12, () => asClient(`Bearer ${forge(token)}`))).toEqual(expected(10, 2))
  })

  it('a clock that is wrong is not an attempt', async () => {
    const request = await sign()
    installation.clock.time += 10 * 60_000
    expect(await fail(15, () => server.authenticator.management(request))).toEqual(expected(15, 0))
  })
})
