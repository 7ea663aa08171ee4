import { randomBytes } from 'node:crypto'
import { AwsV4Signer } from 'aws4fetch'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ACCOUNT, DOMAIN, startInstallation, type Installation } from '../../test/support/installation.ts'
import type { Role, RoleCaller, User } from '../registry/model.ts'
import { planDeleteUser, planRevokeAccessKey } from './identities.ts'
import { createRoleSessions, MAX_SESSION_TOKEN_LENGTH, type AssumedRole } from './role-sessions.ts'
import { planDeleteRole, planRevokeSessions } from './roles.ts'
import { createSealer } from './secrets.ts'

type Process = ReturnType<Installation['startProcess']>
type Made = ReturnType<Process['sessions']['issue']>

const ADDRESS = '203.0.113.7'
let installation: Installation
let server: Process
let bob: User
let key: { readonly id: string; readonly secret: string }
let role: Role

beforeEach(async () => {
  installation = await startInstallation()
  server = installation.startProcess()
  bob = await installation.createUser('bob')
  key = await installation.createKey(bob)
  role = await installation.createRole('build')
})
afterEach(() => installation[Symbol.asyncDispose]())

const assumedNow = (more: Partial<AssumedRole> = {}): AssumedRole => ({
  account: ACCOUNT,
  roleName: role.name,
  roleId: role.id,
  sessionName: 'run-7',
  sessionPolicy: null,
  issuedAt: installation.clock.time,
  accessKeyId: key.id,
  ...more,
})
const issue = (more: Partial<AssumedRole> = {}): Made =>
  server.sessions.issue({ assumed: assumedNow(more), expiresAt: installation.clock.time + 3_600_000 })

async function signIn(
  made: Partial<Made>,
  { by = server, service = 'codeartifact' as 'codeartifact' | 'sts' } = {},
): Promise<RoleCaller> {
  const signer = new AwsV4Signer({
    method: 'GET',
    url: 'http://127.0.0.1:8787/v1/domains',
    accessKeyId: made.accessKeyId ?? '',
    secretAccessKey: made.secretAccessKey ?? '',
    ...(made.sessionToken !== undefined && { sessionToken: made.sessionToken }),
    service,
    region: 'us-east-1',
    datetime: new Date(installation.clock.time).toISOString().replace(/[-:]|\.\d+/g, ''),
  })
  const { headers, url } = await signer.sign()
  const { caller } = await by.authenticator.management({
    method: 'GET',
    rawPath: url.pathname,
    rawQuery: '',
    headers: [['Host', url.host], ...headers.entries()],
    body: new Uint8Array(),
    service,
    address: ADDRESS,
    topology: await installation.topology(),
  })
  if (caller.kind !== 'role') throw new Error(`The caller is ${caller.kind}`)
  return caller
}

const byToken = async (token: string, by = server) =>
  by.authenticator.packageClient({
    authorization: `Bearer ${token}`,
    address: ADDRESS,
    topology: await installation.topology(),
  })

describe('a role session', () => {
  it('is known in every process by its signature', async () => {
    const made = issue({ sessionPolicy: '{"Version":"2012-10-17"}' })
    expect(made).toEqual({
      accessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      secretAccessKey: expect.stringMatching(/^[A-Za-z0-9]{40}$/),
      sessionToken: expect.stringMatching(/^gs1\.[\w.-]+$/),
      expiresAt: installation.clock.time + 3_600_000,
    })
    for (const by of [server, installation.startProcess()]) {
      expect(await signIn(made, { by })).toEqual({
        kind: 'role',
        account: ACCOUNT,
        arn: 'arn:aws:sts::111122223333:assumed-role/build/run-7',
        userId: `${role.id}:run-7`,
        roleName: 'build',
        roleId: role.id,
        roleArn: 'arn:aws:iam::111122223333:role/build',
        sessionName: 'run-7',
        sessionPolicy: '{"Version":"2012-10-17"}',
        issuedAt: installation.clock.time,
        expiresAt: made.expiresAt,
        accessKeyId: key.id,
        domain: null,
        credential: made.accessKeyId,
      })
    }
  })

  it('tells nothing in its token, and is stored nowhere', async () => {
    const before = server.calls.length
    const made = issue()
    expect(server.calls).toHaveLength(before)
    const opened = made.sessionToken.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
    for (const told of [made.secretAccessKey, 'run-7', key.id]) {
      expect(made.sessionToken).not.toContain(told)
      expect(opened.join()).not.toContain(told)
    }
  })

  it.each(['"', '\t', '\u00FF'])('may have the longest session policy, of %j', async (character) => {
    const made = issue({ sessionPolicy: character.repeat(2_048) })
    expect(made.sessionToken.length).toBeLessThan(MAX_SESSION_TOKEN_LENGTH)
    expect(await signIn(made)).toMatchObject({ sessionPolicy: character.repeat(2_048) })
  })

  it.each<[string, (made: Made, other: Made) => Partial<Made>]>([
    ['no session token', ({ accessKeyId, secretAccessKey }) => ({ accessKeyId, secretAccessKey })],
    ['an empty session token', (made) => ({ ...made, sessionToken: '' })],
    ['the session token of another session', (made, other) => ({ ...made, sessionToken: other.sessionToken })],
    ['the key id of another session', (made, other) => ({ ...made, accessKeyId: other.accessKeyId })],
    ['half a session token', (made) => ({ ...made, sessionToken: made.sessionToken.slice(0, 200) })],
    ['a longer session token', (made) => ({ ...made, sessionToken: `${made.sessionToken}AAAA` })],
    ['an endless session token', (made) => ({ ...made, sessionToken: made.sessionToken + 'A'.repeat(9_000) })],
    [
      'the session token beside a key of a user',
      (made) => ({ ...made, accessKeyId: key.id, secretAccessKey: key.secret }),
    ],
    [
      'the parts of two session tokens',
      (made, other) => ({
        ...made,
        sessionToken: [...made.sessionToken.split('.').slice(0, 3), other.sessionToken.split('.')[3]].join('.'),
      }),
    ],
    [
      'the sealed secret of a key',
      (made) => ({ ...made, sessionToken: installation.sealer.seal('{}', 'access-key/x') }),
    ],
  ])('is not known by %s', async (_, forge) => {
    const refused = { code: 'unauthenticated', message: 'The security token included in the request is invalid.' }
    await expect(signIn(forge(issue(), issue()))).rejects.toMatchObject({
      ...refused,
      details: { awsCode: 'UnrecognizedClientException' },
    })
    await expect(signIn(forge(issue(), issue()), { service: 'sts' })).rejects.toMatchObject({
      ...refused,
      details: { awsCode: 'InvalidClientTokenId' },
    })
  })

  it('is not known by another secret', async () => {
    await expect(signIn({ ...issue(), secretAccessKey: 'x'.repeat(40) })).rejects.toMatchObject({
      details: { awsCode: 'InvalidSignatureException' },
    })
  })

  it.each([
    ['with another master key', () => createSealer(randomBytes(32)), 'installation-1'],
    ['with the same master key', () => installation.sealer, 'installation-2'],
  ])('of an installation %s is not known here', async (_, sealer, issuer) => {
    const elsewhere = createRoleSessions({ sealer: sealer(), issuer })
    const made = elsewhere.issue({ assumed: assumedNow(), expiresAt: installation.clock.time + 3_600_000 })
    expect(elsewhere.open(made.accessKeyId, made.sessionToken)).toBeDefined()
    await expect(signIn(made)).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it.each([
    ['sts', 'ExpiredToken'],
    ['codeartifact', 'ExpiredTokenException'],
  ] as const)('is over when its time is (%s)', async (service, awsCode) => {
    const made = issue()
    installation.clock.time = made.expiresAt - 1
    expect(await signIn(made, { service })).toMatchObject({ kind: 'role' })
    installation.clock.time = made.expiresAt
    // Each time: it is genuine, so nobody guesses.
    for (let i = 0; i < 15; i++)
      await expect(signIn(made, { service })).rejects.toMatchObject({
        code: 'unauthenticated',
        message: 'The security token included in the request is expired',
        details: { awsCode },
      })
  })
})

describe('what ends a session, and its tokens, at the next request in every process', () => {
  const revokeKey = async () => {
    const found = await installation.store.findAccessKey(key.id)
    if (!found) throw new Error('the key must exist')
    await installation.commit(planRevokeAccessKey(found, installation.act()))
  }
  const revokeSessions = async () => {
    const { changes } = planRevokeSessions(role, await installation.topology(), installation.act())
    await installation.commit(changes)
  }
  const deleteRole = () => installation.commit(planDeleteRole(role, installation.act()))
  const remakeRole = async () => {
    await deleteRole()
    await installation.createRole('build')
  }
  it.each<[string, () => Promise<void>, string]>([
    ['revoking the sessions of the role', revokeSessions, 'the sessions of the role were revoked'],
    ['deleting the role', deleteRole, 'the role does not exist any more'],
    ['making the role anew', remakeRole, 'the role does not exist any more'],
    ['revoking the key at its root', revokeKey, 'the access key that the role was assumed with was revoked'],
    [
      'deleting the user at its root',
      () => installation.commit(planDeleteUser(bob, installation.act())),
      'the access key that the role was assumed with was revoked',
    ],
  ])('%s', async (_, end, why) => {
    const made = issue()
    const { token } = await server.tokens.issue({ caller: await signIn(made), domain: DOMAIN })
    const processes = [server, installation.startProcess()]
    for (const by of processes) {
      await expect(signIn(made, { by })).resolves.toMatchObject({ kind: 'role' })
      await expect(byToken(token, by)).resolves.toMatchObject({ kind: 'role', roleId: role.id, domain: 'local' })
    }
    await end()
    // More often than a guesser may fail.
    for (const by of Array.from({ length: 6 }, () => processes).flat()) {
      await expect(signIn(made, { by })).rejects.toMatchObject({
        code: 'unauthenticated',
        message: `The security token included in the request is invalid. The session is over: ${why}.`,
      })
      await expect(byToken(token, by)).rejects.toMatchObject({
        code: 'unauthenticated',
        message: `The token was made by a role session that is over: ${why}; get a new token`,
      })
    }
  })

  it('a session that begins after sessions were revoked is good', async () => {
    await revokeSessions()
    installation.clock.time += 1
    await expect(signIn(issue())).resolves.toMatchObject({ kind: 'role' })
  })

  it('a token outlives the session that made it, where only its time was over', async () => {
    const made = issue()
    const { token } = await server.tokens.issue({ caller: await signIn(made), domain: DOMAIN })
    installation.clock.time = made.expiresAt
    await expect(byToken(token)).resolves.toMatchObject({
      kind: 'role',
      arn: 'arn:aws:sts::111122223333:assumed-role/build/run-7',
      credential: expect.stringMatching(/^ABIA/),
      expiresAt: made.expiresAt + 11 * 3_600_000,
    })
  })
})

describe('revoking sessions', () => {
  it('does not bring back what another change replaced in the meantime', async () => {
    const planned = planRevokeSessions(role, await installation.topology(), installation.act())
    await installation.createUser('somebody')
    await expect(installation.commit(planned.changes)).rejects.toMatchObject({ code: 'busy' })
  })

  it('never moves the beginning back', async () => {
    const later = { ...role, sessionsValidFrom: installation.clock.time + 5_000 }
    expect(planRevokeSessions(later, 1, installation.act()).role.sessionsValidFrom).toBe(later.sessionsValidFrom)
  })
})
