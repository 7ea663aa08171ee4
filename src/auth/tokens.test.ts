import { createHmac, generateKeyPairSync } from 'node:crypto'
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
  type CryptoKey,
} from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RoleCaller, User } from '../registry/model.ts'
import { ACCOUNT, DOMAIN, startInstallation, type Installation } from '../../test/support/installation.ts'
import { toUserCaller } from './callers.ts'
import { signingKeyContext } from './identifiers.ts'
import { toRoleCaller } from './role-sessions.ts'
import { createTokens, type Tokens } from './tokens.ts'

const KEY = 'AKIA2345672345672345'
let installation: Installation
let tokens: Tokens
let bob: User
const asBob = (credential: string) => toUserCaller(bob, { domain: null, credential })
const issue = (durationSeconds?: number, by = tokens) =>
  by.issue({ caller: asBob(KEY), domain: DOMAIN, ...(durationSeconds !== undefined && { durationSeconds }) })

beforeEach(async () => {
  installation = await startInstallation()
  tokens = installation.startProcess().tokens
  bob = await installation.createUser('bob')
})
afterEach(() => installation[Symbol.asyncDispose]())

describe('issuing', () => {
  it('makes a token that says who and for which domain, and nothing else', async () => {
    const { token, expiresAt } = await issue()
    expect(expiresAt).toBe(installation.clock.time + 12 * 3_600_000)
    expect(decodeProtectedHeader(token)).toEqual({
      alg: 'EdDSA',
      typ: 'JWT',
      kid: expect.stringMatching(/^APKA[A-Z2-7]{16}$/),
    })
    expect(decodeJwt(token)).toEqual({
      iss: 'installation-1',
      sub: bob.id,
      aud: 'codeartifact:local',
      iat: installation.clock.time / 1000,
      exp: expiresAt / 1000,
      jti: expect.stringMatching(/^ABIA[A-Z2-7]{16}$/),
      'granary:arn': 'arn:aws:iam::111122223333:user/bob',
      'granary:access-key': KEY,
    })
    expect(await tokens.verify(token)).toEqual({
      kind: 'user',
      id: decodeJwt(token).jti,
      userId: bob.id,
      account: bob.account,
      userName: 'bob',
      domain: 'local',
      accessKeyId: KEY,
      expiresAt,
    })
  })

  it.each([
    [undefined, 43_200],
    [0, 43_200],
    [900, 900],
    [43_200, 43_200],
    [899, null],
    [43_201, null],
    [-1, null],
    [1_000.5, null],
    [Number.NaN, null],
  ])('for %j seconds', async (asked, seconds) => {
    const lifetime = await issue(asked).then(
      ({ expiresAt }) => (expiresAt - installation.clock.time) / 1000,
      (error: { code: string }) => error.code,
    )
    expect(lifetime).toBe(seconds ?? 'invalid')
  })

  it('is not for who comes with a token', async () => {
    const { token } = await issue()
    const { id } = await tokens.verify(token)
    await expect(tokens.issue({ caller: asBob(id), domain: DOMAIN })).rejects.toMatchObject({
      code: 'forbidden',
    })
  })

  it('publishes keys with which others can verify, and no private part', async () => {
    expect(await tokens.jwks()).toEqual({ keys: [] })
    const { token } = await issue()
    const jwks = await tokens.jwks()
    expect(jwks.keys.map((key) => Object.keys(key).toSorted())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x']])
    const verified = await jwtVerify(token, createLocalJWKSet({ keys: [...jwks.keys] }), {
      currentDate: new Date(installation.clock.time),
    })
    expect(verified.payload.sub).toBe(bob.id)
  })
})

describe('of role sessions', () => {
  const POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
  const session = (more: Partial<RoleCaller> = {}): RoleCaller => ({
    ...toRoleCaller(
      {
        account: ACCOUNT,
        roleName: 'build',
        roleId: 'AROA2345672345672345',
        sessionName: 'run-7',
        sessionPolicy: POLICY,
        issuedAt: installation.clock.time - 1_234,
        accessKeyId: KEY,
      },
      { domain: null, credential: 'ASIA2345672345672345', expiresAt: installation.clock.time + 899_000 },
    ),
    ...more,
  })
  const issueFor = (caller: RoleCaller, durationSeconds?: number) =>
    tokens.issue({ caller, domain: DOMAIN, ...(durationSeconds !== undefined && { durationSeconds }) })

  it('say how the role was assumed, with what it was cut down to and the key at its root', async () => {
    const { token, expiresAt } = await issueFor(session())
    expect(decodeJwt(token)).toMatchObject({
      sub: 'AROA2345672345672345:run-7',
      'granary:arn': 'arn:aws:sts::111122223333:assumed-role/build/run-7',
      'granary:access-key': KEY,
    })
    expect(await tokens.verify(token)).toEqual({
      kind: 'role',
      id: decodeJwt(token).jti,
      userId: 'AROA2345672345672345:run-7',
      account: ACCOUNT,
      domain: 'local',
      accessKeyId: KEY,
      expiresAt,
      assumed: {
        account: ACCOUNT,
        roleName: 'build',
        roleId: 'AROA2345672345672345',
        sessionName: 'run-7',
        sessionPolicy: POLICY,
        issuedAt: installation.clock.time - 1_234,
        accessKeyId: KEY,
      },
    })
  })

  it.each([
    ['0: with the session, however short that is', 0, 899],
    ['nothing: twelve hours, and so longer than the session', undefined, 43_200],
    ['a time of its own, longer than the session', 3_600, 3_600],
  ])('last for %s', async (_, asked, seconds) => {
    const { expiresAt } = await issueFor(session(), asked)
    expect((expiresAt - installation.clock.time) / 1000).toBe(seconds)
  })

  it('hold the longest session policy, and fit into a header as Basic writes them', async () => {
    for (const character of ['"', '\t', '\u00ff']) {
      const { token } = await issueFor(session({ sessionPolicy: character.repeat(2_048) }))
      expect(await tokens.verify(token)).toMatchObject({ assumed: { sessionPolicy: character.repeat(2_048) } })
      expect(Buffer.from(`aws:${token}`).toString('base64').length).toBeLessThan(12_000)
    }
  })

  it('are made by a session, not by a token of one', async () => {
    const { token } = await issueFor(session())
    const { id } = await tokens.verify(token)
    await expect(issueFor(session({ credential: id }))).rejects.toMatchObject({ code: 'forbidden' })
  })
})

describe('expiry', () => {
  it('is exact to the second, for tokens that were verified before, too', async () => {
    const { token, expiresAt } = await issue(900)
    const other = installation.startProcess().tokens
    installation.clock.time = expiresAt - 1
    await expect(tokens.verify(token)).resolves.toMatchObject({ userName: 'bob' })
    installation.clock.time = expiresAt
    await expect(tokens.verify(token)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: 'The token has expired; get a new one',
    })
    await expect(other.verify(token)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: 'The token has expired; get a new one',
    })
  })
})

describe('forgeries', () => {
  const parts = (token: string) => token.split('.') as [string, string, string]
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  type Forge = (token: string, kid: string, publicX: string) => string | Promise<string>
  const hs256 =
    (secret: string | Buffer): Forge =>
    (token, kid) => {
      const signed = `${encode({ alg: 'HS256', kid })}.${parts(token)[1]}`
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    }
  const resign = async (token: string, header: (key: CryptoKey) => Promise<object>, kid: string) => {
    const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
    return new SignJWT(decodeJwt(token))
      .setProtectedHeader({ alg: 'EdDSA', kid, ...(await header(pair.publicKey)) })
      .sign(pair.privateKey)
  }

  it.each<[string, Forge]>([
    ['nothing', () => ''],
    ['text', () => 'secret'],
    ['dots', () => '..'],
    ['much', (token) => token + 'x'.repeat(9_000)],
    [
      'another payload',
      (token) => [parts(token)[0], encode({ ...decodeJwt(token), sub: 'AIDAOTHER' }), parts(token)[2]].join('.'),
    ],
    ['no signature', (token) => [parts(token)[0], parts(token)[1], ''].join('.')],
    ['alg none', (token, kid) => `${encode({ alg: 'none', kid })}.${parts(token)[1]}.`],
    [
      'alg none, signature kept',
      (token, kid) => `${encode({ alg: 'none', kid })}.${parts(token)[1]}.${parts(token)[2]}`,
    ],
    ['HS256 with the public key', (token, kid, x) => hs256(Buffer.from(x, 'base64url'))(token, kid, x)],
    ['HS256 with the public key as text', (token, kid, x) => hs256(x)(token, kid, x)],
    ['HS256 with an empty key', hs256('')],
    ['another key under a known id', (token, kid) => resign(token, async () => ({}), kid)],
    [
      'another key that comes along',
      (token, kid) => resign(token, async (key) => ({ jwk: await exportJWK(key) }), kid),
    ],
    ['a key at an address', (token, kid) => resign(token, async () => ({ jku: 'http://127.0.0.1:9/jwks' }), kid)],
    ['a certificate at an address', (token, kid) => resign(token, async () => ({ x5u: 'http://127.0.0.1:9/x' }), kid)],
    ['a key id that is a path', (token) => resign(token, async () => ({}), '../../dev/null')],
    ['an unknown key id', (token) => resign(token, async () => ({}), 'APKAOTHER')],
    ['no key id', (token) => resign(token, async () => ({ kid: undefined }), '')],
    [
      'RS256',
      (token, kid) =>
        new SignJWT(decodeJwt(token))
          .setProtectedHeader({ alg: 'RS256', kid })
          .sign(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    ],
  ])('%s', async (_, forge) => {
    const { token } = await issue()
    const [key] = (await tokens.jwks()).keys
    const forged = await forge(token, key?.kid ?? '', key?.x ?? '')
    await expect(tokens.verify(forged)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: 'The token is not valid; get a new one',
    })
    await expect(tokens.verify(token)).resolves.toMatchObject({ userName: 'bob' })
  })

  it.each<[string, object, object]>([
    ['another issuer', { iss: 'installation-2' }, {}],
    ['no expiry', { exp: undefined }, {}],
    ['another audience', { aud: 'elsewhere' }, {}],
    ['two audiences', { aud: ['codeartifact:local', 'codeartifact:other'] }, {}],
    ['no access key', { 'granary:access-key': undefined }, {}],
    ['no user', { 'granary:arn': 'arn:aws:iam::111122223333:root' }, {}],
    ['a session of nobody', { 'granary:arn': 'arn:aws:sts::111122223333:assumed-role/build/run-7' }, {}],
    [
      'a session of no time',
      { sub: 'AROA1:run-7', 'granary:arn': 'arn:aws:sts::111122223333:assumed-role/build/run-7' },
      {},
    ],
    [
      'a session policy that is no text',
      {
        sub: 'AROA1:run-7',
        'granary:arn': 'arn:aws:sts::111122223333:assumed-role/build/run-7',
        'granary:assumed-at': 1,
        'granary:session-policy': {},
      },
      {},
    ],
    ['a header that must be understood', {}, { crit: ['x'], x: 1 }],
    ['a key in the header', {}, { jku: 'http://127.0.0.1:9/' }],
  ])('%s, though signed with the right key', async (_, claims, header) => {
    const { token } = await issue()
    const [stored] = await installation.store.listSigningKeys()
    const jwk = JSON.parse(
      installation.sealer.open(stored?.privateJwk ?? '', signingKeyContext(stored?.id ?? '')).toString(),
    ) as Record<string, unknown>
    const signed = await new SignJWT({ ...decodeJwt(token), ...claims })
      .setProtectedHeader({ alg: 'EdDSA', kid: stored?.id ?? '', ...header })
      .sign(jwk, { crit: { x: true } })
    await expect(tokens.verify(signed)).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('tokens of another installation with the same keys', async () => {
    const { token } = await issue()
    const other = createTokens({ ...installation, issuer: 'installation-2' })
    await expect(other.verify(token)).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

describe('signing keys', () => {
  it('are made at the first use, and one process verifies what another signed', async () => {
    const other = installation.startProcess().tokens
    const [one, two] = await Promise.all([issue(900), issue(900, other)])
    for (const { token } of [one, two]) {
      for (const verifier of [tokens, other, installation.startProcess().tokens]) {
        await expect(verifier.verify(token)).resolves.toMatchObject({ userName: 'bob' })
      }
    }
    const made = (await installation.store.listSigningKeys()).length
    await issue(900)
    await issue(900, other)
    expect(await installation.store.listSigningKeys()).toHaveLength(made)
  })

  it('rotate: the new one signs in every process, the old one still verifies', async () => {
    const other = installation.startProcess().tokens
    const before = await issue()
    await other.verify(before.token)
    installation.clock.time += 1
    await tokens.rotate()
    const after = await issue(900, other)
    expect(decodeProtectedHeader(after.token).kid).not.toBe(decodeProtectedHeader(before.token).kid)
    for (const verifier of [tokens, other]) {
      for (const { token } of [before, after])
        await expect(verifier.verify(token)).resolves.toMatchObject({ userName: 'bob' })
    }
    expect((await installation.store.listSigningKeys()).map(({ retiredAt }) => retiredAt)).toEqual([
      null,
      installation.clock.time,
    ])
    expect((await tokens.jwks()).keys).toHaveLength(2)
  })

  it('are sealed in the store', async () => {
    await issue()
    const [key] = await installation.store.listSigningKeys()
    expect(key?.privateJwk).toMatch(/^gs1\./)
    expect(key?.publicJwk).not.toContain('"d"')
  })

  it('are not read from the store for every unknown id', async () => {
    const { token } = await issue()
    const { calls, tokens: other } = installation.startProcess()
    const guesses = Array.from(
      { length: 50 },
      (_, index) => `${Buffer.from(`{"alg":"EdDSA","kid":"x${index}"}`).toString('base64url')}.e30.x`,
    )
    const outcomes = await Promise.allSettled(guesses.map((guess) => other.verify(guess)))
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(calls.length).toBeLessThanOrEqual(5)
    await expect(other.verify(token)).resolves.toMatchObject({ userName: 'bob' })
  })

  it('are read once for a burst of good tokens after the start', async () => {
    const issued = await Promise.all(Array.from({ length: 20 }, () => issue()))
    const { calls, tokens: other } = installation.startProcess()
    await Promise.all(issued.map(({ token }) => other.verify(token)))
    expect(calls).toEqual(['listSigningKeys'])
  })
})
