import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { Client } from '../../src/cli/client.ts'
import type { RoleCredentials } from '../../src/cli/sts.ts'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { allow, clientOf, createRole, createUser, policyOf, TOKENS, trusting } from '../support/roles.ts'
import { startRegistry, type AccessKey, type TestRegistry } from '../support/server.ts'

// STS as the AWS CLI speaks it, and the rules of assuming roles, asked by this program's own client.

const HOME = '000000000000'
const OTHER = '111122223333'
const READ = [
  ...TOKENS,
  'codeartifact:DescribeDomain',
  'codeartifact:ListRepositoriesInDomain',
  'codeartifact:ReadFromRepository',
]

let registry: TestRegistry
let operator: Client
beforeAll(async () => {
  registry = await startRegistry()
  operator = registry.admin.client
  await operator.call(operations.createAccount, { id: OTHER })
})
afterAll(() => registry[Symbol.asyncDispose]())

const roleArn = (role: string, account = HOME) => `arn:aws:iam::${account}:role/${role}`
const userArn = (user: string, account = HOME) => `arn:aws:iam::${account}:user/${user}`
const of = (credentials: AccessKey | RoleCredentials) => clientOf(registry.url, credentials)

let names = 0
/** A user of the operators' account and a role that names this user, both of their own. */
async function userAndRole(more: Partial<Parameters<typeof createRole>[1]> = {}) {
  const name = `n${++names}`
  const key = await createUser(operator, HOME, name, [])
  const role = await createRole(operator, {
    account: HOME,
    role: name,
    trust: [trusting(userArn(name))],
    rights: [allow(READ)],
    ...more,
  })
  const assume = (wish: Partial<Parameters<Client['assumeRole']>[0]> = {}, by: AccessKey | RoleCredentials = key) =>
    of(by).assumeRole({ roleArn: role.arn, sessionName: 'run-7', ...wish })
  return { name, key, role, assume }
}

const denied = (arn: string, role: string) =>
  `User: ${arn} is not authorized to perform: sts:AssumeRole on resource: ${role}`

describe('the AWS CLI', () => {
  type Aws = (
    env: Readonly<Record<string, string>>,
    ...args: readonly string[]
  ) => Promise<{ ok?: unknown; stderr: string }>
  async function awsCli(context: { readonly skip: (note: string) => never }, home: ClientHome): Promise<Aws> {
    const aws = await requireClient(context, 'aws')
    return async (env, ...args) => {
      const settings = { AWS_DEFAULT_REGION: 'eu-west-1', AWS_MAX_ATTEMPTS: '1', AWS_ENDPOINT_URL: registry.url }
      const { code, stdout, stderr } = await aws(home, [...args, '--output', 'json'], { env: { ...settings, ...env } })
      return code === 0 ? { ok: JSON.parse(stdout) as unknown, stderr } : { stderr }
    }
  }
  const envOf = (credentials: AccessKey) => ({
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  })

  it('assumes a role, and its session gets a token that reads packages', async (context) => {
    await using home = await clientHome()
    const aws = await awsCli(context, home)
    const { name, key, role } = await userAndRole()
    expect((await aws(envOf(key), 'sts', 'get-caller-identity')).ok).toEqual({
      UserId: expect.stringMatching(/^AIDA/),
      Account: HOME,
      Arn: userArn(name),
    })

    const policy = policyOf(allow(READ))
    const before = Date.now()
    const { ok, stderr } = await aws(
      envOf(key),
      'sts',
      'assume-role',
      '--role-arn',
      role.arn,
      '--role-session-name',
      'run-7',
      '--duration-seconds',
      '900',
      '--policy',
      policy,
    )
    expect(ok, stderr).toEqual({
      Credentials: {
        AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
        SecretAccessKey: expect.any(String),
        SessionToken: expect.any(String),
        Expiration: expect.any(String),
      },
      AssumedRoleUser: {
        AssumedRoleId: `${role.id}:run-7`,
        Arn: `arn:aws:sts::${HOME}:assumed-role/${name}/run-7`,
      },
      PackedPolicySize: Math.ceil((100 * policy.length) / 2_048),
    })
    const { Credentials: got } = ok as { Credentials: Record<string, string> }
    const lifetime = Date.parse(got['Expiration'] ?? '') - before
    expect(lifetime).toBeGreaterThan(895_000)
    expect(lifetime).toBeLessThan(930_000)

    const session = {
      AWS_ACCESS_KEY_ID: got['AccessKeyId'] ?? '',
      AWS_SECRET_ACCESS_KEY: got['SecretAccessKey'] ?? '',
      AWS_SESSION_TOKEN: got['SessionToken'] ?? '',
    }
    expect((await aws(session, 'sts', 'get-caller-identity')).ok).toEqual({
      UserId: `${role.id}:run-7`,
      Account: HOME,
      Arn: `arn:aws:sts::${HOME}:assumed-role/${name}/run-7`,
    })
    const token = await aws(session, 'codeartifact', 'get-authorization-token', '--domain', 'local')
    const { authorizationToken } = (token.ok ?? token) as { authorizationToken: string }
    expect(authorizationToken, token.stderr).toMatch(/^[\w.-]+$/)
    const whoami = await registry.fetch('/npm/local/main/-/whoami', { token: authorizationToken })
    expect(await whoami.json()).toEqual({ username: `${name}/run-7` })
  })

  it('assumes the role of a profile by itself', async (context) => {
    await using home = await clientHome()
    const aws = await awsCli(context, home)
    const { name, key, role } = await userAndRole()
    await mkdir(join(home.folder, '.aws'))
    await writeFile(
      join(home.folder, '.aws/credentials'),
      `[base]\naws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}\n`,
    )
    await writeFile(
      join(home.folder, '.aws/config'),
      `[profile build]\nrole_arn = ${role.arn}\nsource_profile = base\nrole_session_name = from-profile\nregion = eu-west-1\n`,
    )
    const domain = await aws({}, 'codeartifact', 'describe-domain', '--domain', 'local', '--profile', 'build')
    expect(domain.ok, domain.stderr).toMatchObject({ domain: { name: 'local' } })
    const identity = await aws({}, 'sts', 'get-caller-identity', '--profile', 'build')
    expect(identity.ok).toMatchObject({ Arn: `arn:aws:sts::${HOME}:assumed-role/${name}/from-profile` })
  })

  it.for<[string, string[]]>([
    ['AccessDenied', ['assume-role', '--role-arn', roleArn('nobody-made-it'), '--role-session-name', 'run-7']],
    ['ValidationError', ['assume-role', '--role-arn', 'arn:aws:iam::x:role/y', '--role-session-name', 'run-7']],
    ['InvalidAction', ['get-session-token']],
  ])('is told %s', async ([code, args], context) => {
    await using home = await clientHome()
    const aws = await awsCli(context, home)
    const { stderr } = await aws(envOf(registry.admin.key), 'sts', ...args)
    expect(stderr).toContain(`An error occurred (${code}) when calling the`)
  })

  it('is told InvalidClientTokenId of a session token that is none', async (context) => {
    await using home = await clientHome()
    const aws = await awsCli(context, home)
    const { stderr } = await aws({ ...envOf(registry.admin.key), AWS_SESSION_TOKEN: 'x' }, 'sts', 'get-caller-identity')
    expect(stderr).toContain('(InvalidClientTokenId)')
    expect(stderr).toContain('The security token included in the request is invalid.')
  })
})

describe('a role is assumed', () => {
  it('in its own account by whom its trust policy names, without further rights', async () => {
    const { role, assume } = await userAndRole()
    const session = of(await assume())
    expect(await session.call(operations.whoAmI, {})).toEqual({
      account: HOME,
      user: null,
      role: role.name,
      session: 'run-7',
      id: `${role.id}:run-7`,
      arn: `arn:aws:sts::${HOME}:assumed-role/${role.name}/run-7`,
      domain: null,
    })
    expect(await session.call(operations.describeDomain, { domain: 'local' })).toMatchObject({
      domain: { name: 'local' },
    })
    await expect(session.call(operations.createDomain, { domain: 'mine' })).rejects.toThrow('is not authorized')
  })

  it('by whom the trust policy leaves it to the account, where their own policies allow it', async () => {
    const { role, key, assume, name } = await userAndRole({ trust: [trusting(HOME)] })
    await expect(assume()).rejects.toThrow(denied(userArn(name), role.arn))
    const document = policyOf(allow('sts:AssumeRole', role.arn))
    await operator.call(operations.attachUserPolicy, { account: HOME, user: name, policy: 'assume', document })
    expect(await of(await assume({}, key)).call(operations.whoAmI, {})).toMatchObject({ role: role.name })
  })

  it.each([
    ['neither side', false, false, false],
    ['only the own policies', true, false, false],
    ['only the trust policy', false, true, false],
    ['both', true, true, true],
  ])('across accounts where %s allows it: %s %s -> %s', async (_, own, trusts, expected) => {
    const name = `x${++names}`
    const arn = roleArn(name)
    const key = await createUser(operator, OTHER, name, own ? [allow('sts:AssumeRole', arn)] : [])
    const principal = userArn(trusts ? name : `trusted-${name}`, OTHER)
    if (!trusts) await createUser(operator, OTHER, `trusted-${name}`, [])
    await createRole(operator, { account: HOME, role: name, trust: [trusting(principal)], rights: [allow(READ)] })
    const assumed = of(key).assumeRole({ roleArn: arn, sessionName: 'run-7' })
    if (!expected) return expect(assumed).rejects.toThrow(denied(userArn(name, OTHER), arn))
    // The session is of the role's account: nobody needs to name the owner of the domain.
    expect(await of(await assumed).call(operations.describeDomain, { domain: 'local' })).toMatchObject({
      domain: { owner: HOME },
    })
  })

  it('or is refused in the same words whether it is there or not', async () => {
    const { key, name } = await userAndRole()
    const { role: foreign } = await userAndRole()
    const ask = (arn: string) => of(key).assumeRole({ roleArn: arn, sessionName: 'run-7' })
    for (const arn of [foreign.arn, roleArn('missing'), roleArn('missing', OTHER), roleArn('missing', '999999999999')])
      await expect(ask(arn)).rejects.toMatchObject({ message: denied(userArn(name), arn) })
  })

  it('with the external id and the session name that its trust policy asks for', async () => {
    const name = `n${names + 1}`
    const conditions = { StringEquals: { 'sts:ExternalId': 'of-acme' }, StringLike: { 'sts:RoleSessionName': 'run-*' } }
    const { assume } = await userAndRole({ trust: [trusting(userArn(name), { Condition: conditions })] })
    await expect(assume()).rejects.toThrow('is not authorized')
    await expect(assume({ externalId: 'of-evil' })).rejects.toThrow('is not authorized')
    await expect(assume({ externalId: 'of-acme', sessionName: 'other' })).rejects.toThrow('is not authorized')
    await expect(assume({ externalId: 'of-acme' })).resolves.toMatchObject({ arn: expect.stringContaining('/run-7') })
  })

  it('not by a user who was made anew under the name that is trusted', async () => {
    const { name, role } = await userAndRole()
    await operator.call(operations.deleteUser, { account: HOME, user: name })
    const again = await createUser(operator, HOME, name, [])
    await expect(of(again).assumeRole({ roleArn: role.arn, sessionName: 'run-7' })).rejects.toThrow('is not authorized')
  })

  it.each([
    [899, 3_600, 'DurationSeconds must be at least 900'],
    [900, 3_600, null],
    [3_600, 3_600, null],
    [3_601, 3_600, 'exceeds the MaxSessionDuration set for this role'],
    [43_200, 43_200, null],
    [43_201, 43_200, 'exceeds the MaxSessionDuration set for this role'],
  ])('for %i of %i seconds: %s', async (durationSeconds, maxSessionSeconds, problem) => {
    const { assume } = await userAndRole({ maxSessionSeconds })
    const assumed = assume({ durationSeconds })
    if (problem !== null) return expect(assumed).rejects.toThrow(problem)
    const seconds = (Date.parse((await assumed).expiration) - Date.now()) / 1000
    expect(seconds).toBeGreaterThan(durationSeconds - 10)
    expect(seconds).toBeLessThanOrEqual(durationSeconds)
  })

  it.each([
    ['a session name that is too short', { sessionName: 'x' }, 'RoleSessionName must be 2 to 64'],
    ['a session name of other letters', { sessionName: '<run>&7' }, 'RoleSessionName must be 2 to 64'],
    ['a session policy that is none', { policy: '{"Statement":1}' }, 'The policy document is not valid'],
    ['a session policy that is too long', { policy: `${policyOf(allow('*'))}${' '.repeat(2_048)}` }, 'at most 2048'],
    ['a session policy of other letters', { policy: '{"a":"\u4e2d"}' }, 'up to U+00FF'],
    ['an external id that is too short', { externalId: 'x' }, 'ExternalId must be 2 to 1224'],
  ])('not with %s', async (_, wish, problem) => {
    const { assume } = await userAndRole()
    await expect(assume(wish)).rejects.toThrow(problem)
  })

  it('and an event says so, without the credentials', async () => {
    const { name, role, assume } = await userAndRole()
    const session = await assume({ durationSeconds: 1_000 })
    const { events } = await operator.call(operations.listEvents, { limit: 1000 })
    const [event] = events.filter(({ type, detail }) => type === 'Role Assumed' && detail['roleName'] === name)
    expect(event).toMatchObject({
      actor: userArn(name),
      account: HOME,
      detail: { accountId: HOME, roleName: name, roleId: role.id, sessionName: 'run-7', durationSeconds: 1_000 },
    })
    const told = JSON.stringify([events, registry.log])
    for (const secret of [session.secretAccessKey, session.sessionToken]) expect(told).not.toContain(secret)
  })
})

describe('a session', () => {
  it('has the rights of its role, cut down to its session policy', async () => {
    const { assume } = await userAndRole()
    const narrow = of(await assume({ policy: policyOf(allow([...TOKENS, 'codeartifact:DescribeDomain'])) }))
    await narrow.call(operations.describeDomain, { domain: 'local' })
    const list = { domain: 'local' }
    await expect(narrow.call(operations.listRepositoriesInDomain, list)).rejects.toThrow('the session policy')
    await of(await assume()).call(operations.listRepositoriesInDomain, list)

    // A policy gives a session nothing that its role has not.
    const wide = of(await assume({ policy: policyOf(allow('*')) }))
    await expect(wide.call(operations.createDomain, { domain: 'mine' })).rejects.toThrow('is not authorized')
  })

  it('makes tokens that are as narrow as itself', async () => {
    const { assume } = await userAndRole()
    const tokenOf = async (policy?: string) => {
      const session = of(await assume({ policy }))
      return (await session.call(operations.getAuthorizationToken, { domain: 'local' })).authorizationToken
    }
    const ping = async (token: string) => (await registry.fetch('/npm/local/main/-/ping', { token })).status
    expect(await ping(await tokenOf())).toBe(200)
    expect(await ping(await tokenOf(policyOf(allow(READ))))).toBe(200)
    expect(await ping(await tokenOf(policyOf(allow(TOKENS))))).toBe(403)
    const longest = policyOf(allow(READ)).replace(/\}$/, `${' '.repeat(2_048 - policyOf(allow(READ)).length)}}`)
    expect(await ping(await tokenOf(longest))).toBe(200)
  })

  it('assumes another role for an hour at most, by the same key at the root', async () => {
    const { name, key, role } = await userAndRole({ rights: [allow('sts:AssumeRole')], maxSessionSeconds: 43_200 })
    const next = await createRole(operator, {
      account: OTHER,
      role: `${name}-next`,
      trust: [trusting(role.arn)],
      rights: [allow(READ)],
      maxSessionSeconds: 43_200,
    })
    const first = await of(key).assumeRole({ roleArn: role.arn, sessionName: 'one', durationSeconds: 43_200 })
    const chain = (durationSeconds?: number) =>
      of(first).assumeRole({ roleArn: next.arn, sessionName: 'two', durationSeconds })
    await expect(chain(3_601)).rejects.toThrow('1 hour session limit for roles assumed by role chaining')
    const second = of(await chain())
    expect(await second.call(operations.whoAmI, {})).toMatchObject({ account: OTHER, role: next.name, session: 'two' })
    await operator.call(operations.revokeAccessKey, { account: HOME, user: name, key: key.accessKeyId })
    await expect(second.call(operations.whoAmI, {})).rejects.toThrow('was revoked')
  })

  it('lets a token of 0 seconds end with it, and others last', async () => {
    const { assume } = await userAndRole()
    const session = await assume({ durationSeconds: 900 })
    const expires = async (duration?: number) => {
      const made = await of(session).call(operations.getAuthorizationToken, { domain: 'local', duration })
      return made.expiration
    }
    expect(await expires(0)).toBe(Date.parse(session.expiration) / 1000)
    expect(await expires(3_600)).toBeGreaterThan(Date.parse(session.expiration) / 1000 + 2_600)
    expect(await expires()).toBeGreaterThan(Date.parse(session.expiration) / 1000 + 42_000)
  })

  type Ending = (made: Awaited<ReturnType<typeof userAndRole>>) => Promise<unknown>
  it.each<[string, Ending]>([
    ['deleting the role', ({ name }) => operator.call(operations.deleteRole, { account: HOME, role: name })],
    [
      'making the role anew',
      async ({ name }) => {
        await operator.call(operations.deleteRole, { account: HOME, role: name })
        await createRole(operator, {
          account: HOME,
          role: name,
          trust: [trusting(userArn(name))],
          rights: [allow(READ)],
        })
      },
    ],
    [
      'revoking the sessions of the role',
      ({ name }) => operator.call(operations.revokeRoleSessions, { account: HOME, role: name }),
    ],
    [
      'revoking the key at its root',
      ({ name, key }) => operator.call(operations.revokeAccessKey, { account: HOME, user: name, key: key.accessKeyId }),
    ],
    [
      'deleting the user at its root',
      ({ name }) => operator.call(operations.deleteUser, { account: HOME, user: name }),
    ],
  ])('ends with its tokens at the next request: %s', async (_, end) => {
    // Refused log-ins of the tests before would be counted with those of this one.
    registry.passTime(61_000)
    const present = await userAndRole()
    const session = of(await present.assume())
    const { authorizationToken: token } = await session.call(operations.getAuthorizationToken, { domain: 'local' })
    const ping = async () => (await registry.fetch('/npm/local/main/-/ping', { token })).status
    await session.call(operations.whoAmI, {})
    expect(await ping()).toBe(200)
    await end(present)
    await expect(session.call(operations.whoAmI, {})).rejects.toThrow('The session is over')
    await expect(session.call(operations.describeDomain, { domain: 'local' })).rejects.toThrow('The session is over')
    expect(await ping()).toBe(401)
  })

  it('of a role that a process made whose clock is ahead is good', async () => {
    const { name, assume } = await userAndRole()
    registry.passTime(-5_000)
    expect(await of(await assume()).call(operations.whoAmI, {})).toMatchObject({ role: name })
    registry.passTime(5_000)
  })

  it('of a role whose sessions were revoked can be begun anew', async () => {
    const { name, assume } = await userAndRole()
    await operator.call(operations.revokeRoleSessions, { account: HOME, role: name })
    expect(await of(await assume()).call(operations.whoAmI, {})).toMatchObject({ role: name })
  })
})
