import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { main } from '../../src/cli/main.ts'
import { startManagement, type ManagementServer } from '../support/management-server.ts'
import { allow, clientOf, createRole, createUser, policyOf, trusting } from '../support/roles.ts'

// Roles over the API, and `granary role …` as typed.

const HOME = '000000000000'
const OTHER = '111122223333'
const TRUST = policyOf(trusting(`arn:aws:iam::${HOME}:user/admin`))

type Env = Readonly<Record<string, string>>

async function granary(argv: readonly string[], env: Env) {
  const written = { out: '', err: '' }
  const terminal = { out: (text: string) => (written.out += text), err: (text: string) => (written.err += text) }
  const code = await main(argv, { terminal, env: { HOME: '/nonexistent', GRANARY_DATA: '/nonexistent', ...env } })
  return { code, ...written }
}

const operatorOf = ({ url, key }: ManagementServer): Env => ({
  GRANARY_URL: url,
  GRANARY_ACCESS_KEY_ID: key.accessKeyId,
  GRANARY_SECRET_ACCESS_KEY: key.secretAccessKey,
})

/** What a shell has in its variables after it ran these lines. */
const variablesOf = (lines: string): Env => {
  const text = execFileSync('/bin/sh', ['-c', `${lines}\nenv`], { env: {}, encoding: 'utf8' })
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => /^(AWS|GRANARY)_/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

describe('granary role', () => {
  it('makes, shows, assumes and deletes a role', async () => {
    await using server = await startManagement()
    const env = operatorOf(server)
    const created = await granary(['role', 'create', 'build', '--trust', TRUST, '--max-session', '2h'], env)
    expect(created).toMatchObject({ code: 0, out: `Created arn:aws:iam::${HOME}:role/build\n` })
    expect(await granary(['policy', 'attach-role', 'build', '--document', 'reader'], env)).toMatchObject({ code: 0 })
    expect((await granary(['policy', 'list-role', 'build'], env)).out).toMatch(/^reader:\n\{/)
    expect((await granary(['role', 'list'], env)).out).toMatch(/build +arn:aws:iam::000000000000:role\/build +120m/)

    const assumed = await granary(['role', 'assume', 'build', '--session-name', 'run-7', '--duration', '2h'], env)
    expect(assumed).toMatchObject({
      code: 0,
      err: expect.stringContaining(`arn:aws:sts::${HOME}:assumed-role/build/run-7`),
    })
    const session = variablesOf(assumed.out)
    expect(Object.keys(session).toSorted()).toEqual([
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_SESSION_TOKEN',
      'GRANARY_ACCESS_KEY_ID',
      'GRANARY_SECRET_ACCESS_KEY',
      'GRANARY_SESSION_TOKEN',
    ])
    const who = await granary(['whoami', '--json'], { GRANARY_URL: server.url, ...session })
    expect(JSON.parse(who.out)).toMatchObject({ user: null, role: 'build', session: 'run-7' })
    expect((await granary(['whoami'], { GRANARY_URL: server.url, ...session })).out).toMatch(
      /Role +build\nSession +run-7/,
    )
    expect(await granary(['token'], { GRANARY_URL: server.url, ...session })).toMatchObject({ code: 0 })

    expect(await granary(['role', 'revoke-sessions', 'build'], env)).toMatchObject({ code: 0 })
    expect(await granary(['whoami'], { GRANARY_URL: server.url, ...session })).toMatchObject({
      code: 3,
      err: expect.stringContaining('the sessions of the role were revoked'),
    })
    expect(await granary(['policy', 'detach-role', 'build', 'reader'], env)).toMatchObject({ code: 0 })
    expect((await granary(['policy', 'list-role', 'build'], env)).out).toBe('build has no policies.\n')
    expect(await granary(['role', 'delete', 'build'], env)).toMatchObject({ code: 0 })
    expect(await granary(['role', 'assume', 'build'], env)).toMatchObject({ code: 3 })
    expect(await granary(['role', 'delete', 'build'], env)).toMatchObject({ code: 4 })
  })

  it('gives credential_process what it wants', async () => {
    await using server = await startManagement()
    const env = operatorOf(server)
    await granary(['role', 'create', 'build', '--trust', TRUST], env)
    const arn = `arn:aws:iam::${HOME}:role/build`
    const { out } = await granary(['role', 'assume', arn, '--policy', policyOf(allow('*')), '--json'], env)
    expect(JSON.parse(out)).toEqual({
      Version: 1,
      AccessKeyId: expect.stringMatching(/^ASIA/),
      SecretAccessKey: expect.any(String),
      SessionToken: expect.any(String),
      Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    })
  })

  it('changes whom a role trusts, and for how long', async () => {
    await using server = await startManagement()
    const env = operatorOf(server)
    const nobody = policyOf({ ...trusting(`arn:aws:iam::${HOME}:user/admin`), Effect: 'Deny' })
    await granary(['role', 'create', 'build', '--trust', TRUST], env)
    expect(await granary(['role', 'update-trust', 'build'], env)).toMatchObject({ code: 2 })
    expect(await granary(['role', 'update-trust', 'build', '--max-session', '12h'], env)).toMatchObject({ code: 0 })
    expect(await granary(['role', 'assume', 'build', '--duration', '12h'], env)).toMatchObject({ code: 0 })
    expect(await granary(['role', 'update-trust', 'build', '--trust', nobody], env)).toMatchObject({ code: 0 })
    expect(await granary(['role', 'assume', 'build'], env)).toMatchObject({
      code: 3,
      err: expect.stringContaining('is not authorized to perform: sts:AssumeRole'),
    })
    const [role] = JSON.parse((await granary(['role', 'list', '--json'], env)).out) as [Record<string, unknown>]
    expect(role).toMatchObject({ trust: nobody, maxSessionSeconds: 43_200 })
  })
})

describe('roles', () => {
  it.each([
    ['no JSON', 'text', /policy document is not valid/],
    ['an identity policy', policyOf(allow('sts:AssumeRole')), /policy document is not valid/],
    ['whom nobody knows', policyOf(trusting(`arn:aws:iam::${HOME}:user/nobody`)), /Invalid principal in policy/],
    ['a wildcard in a name', policyOf(trusting(`arn:aws:iam::${HOME}:user/*`)), /a wildcard stands alone/],
  ])('are not made with a trust policy that names %s', async (_, trust, message) => {
    await using server = await startManagement()
    const operator = clientOf(server.url, server.key)
    const wish = { account: HOME, role: 'build', trust }
    await expect(operator.call(operations.createRole, wish)).rejects.toThrow(message)
    expect(await operator.call(operations.listRoles, { account: HOME })).toEqual({ roles: [] })
  })

  it('show whom they trusted by their ids once these are gone, so that nobody takes a namesake for them', async () => {
    await using server = await startManagement()
    const operator = clientOf(server.url, server.key)
    const bob = `arn:aws:iam::${HOME}:user/bob`
    const of = { account: HOME, user: 'bob' }
    const { id } = await operator.call(operations.createUser, of)
    const trust = policyOf(trusting(bob))
    await operator.call(operations.createRole, { account: HOME, role: 'build', trust })
    const shown = async () => (await operator.call(operations.listRoles, { account: HOME })).roles[0]?.trust ?? ''
    expect(await shown()).toBe(trust)
    await operator.call(operations.deleteUser, of)
    await operator.call(operations.createUser, of)
    expect(JSON.parse(await shown())).toEqual(JSON.parse(trust.replace(bob, id)))
    await expect(
      operator.call(operations.updateRole, { account: HOME, role: 'build', trust: await shown() }),
    ).rejects.toThrow(/is not a principal/)
  })

  it.each([3_599, 43_201, 3_600.5])('have no longest session of %d seconds', async (maxSessionSeconds) => {
    await using server = await startManagement()
    const operator = clientOf(server.url, server.key)
    const wish = { account: HOME, role: 'build', trust: TRUST, maxSessionSeconds }
    await expect(operator.call(operations.createRole, wish)).rejects.toThrow(/maxSessionSeconds/)
  })

  it('are the business of their account, and of operators', async () => {
    await using server = await startManagement()
    const operator = clientOf(server.url, server.key)
    await operator.call(operations.createAccount, { id: OTHER })
    const admin = clientOf(server.url, await createUser(operator, OTHER, 'admin', [allow('*')]))
    const trust = [trusting(OTHER)]
    await createRole(operator, { account: OTHER, role: 'theirs', trust, rights: [allow('granary:*')] })
    await createRole(operator, { account: HOME, role: 'ours', trust, rights: [allow('granary:*')] })
    expect((await admin.call(operations.listRoles, { account: OTHER })).roles.map(({ name }) => name)).toEqual([
      'theirs',
    ])
    const ours = { account: HOME, role: 'ours' }
    const refused: readonly (() => Promise<unknown>)[] = [
      () => admin.call(operations.listRoles, { account: HOME }),
      () => admin.call(operations.updateRole, { ...ours, trust: policyOf(...trust) }),
      () => admin.call(operations.attachRolePolicy, { ...ours, policy: 'more', preset: 'administrator' }),
      () => admin.call(operations.deleteRole, ours),
      () => admin.call(operations.deleteRole, { ...ours, role: 'missing' }),
    ]
    for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ exitCode: 3 })

    // A session acts for the account of its role: inside it, and no further.
    const session = clientOf(
      server.url,
      await admin.assumeRole({ roleArn: `arn:aws:iam::${OTHER}:role/theirs`, sessionName: 'run-7' }),
    )
    await session.call(operations.createUser, { account: OTHER, user: 'made-by-a-role' })
    await expect(session.call(operations.createUser, { account: HOME, user: 'x' })).rejects.toMatchObject({
      exitCode: 3,
    })
    const { events } = await operator.call(operations.listEvents, { account: OTHER, limit: 1000 })
    expect(events.at(-1)).toMatchObject({
      type: 'User Created',
      actor: `arn:aws:sts::${OTHER}:assumed-role/theirs/run-7`,
    })
  })

  it('that are named in a policy by their ARN are asked for by it', async () => {
    await using server = await startManagement()
    const operator = clientOf(server.url, server.key)
    const one = `arn:aws:iam::${HOME}:role/one`
    const rights = [allow('granary:*Role', one), allow('granary:ListRoles', `arn:aws:iam::${HOME}:role/*`)]
    const client = clientOf(server.url, await createUser(operator, HOME, 'bob', rights))
    await client.call(operations.createRole, { account: HOME, role: 'one', trust: TRUST })
    expect((await client.call(operations.listRoles, { account: HOME })).roles).toHaveLength(1)
    const two = { account: HOME, role: 'two', trust: TRUST }
    await expect(client.call(operations.createRole, two)).rejects.toThrow('arn:aws:iam::000000000000:role/two')
    await client.call(operations.deleteRole, { account: HOME, role: 'one' })
  })
})
